"""What becomes of the columns of a manifest: one module for each type of entry in a session's ``etl``.

Importing one imports no library for pictures, sound or rasters: they are imported when the first record is decoded,
in the loader.
"""
