"""ncdjango: geoprocessing jobs, and results and files as map services."""
