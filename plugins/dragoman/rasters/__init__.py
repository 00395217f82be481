"""Rasters and NetCDF: opened safely, read by window, written well."""
