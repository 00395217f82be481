"""Lists of rasters, of texts that are files, and of plain numbers."""

import numpy as np
from rasterio.transform import from_origin

import dragoman


def run(count: int = 2) -> dict[str, object]:
    """``count`` of each; the nth raster is full of n."""
    place = from_origin(500000, 4500000, 30, 30)
    arrays = [np.ma.masked_equal(np.full((1, 4, 4), number, "uint8"), 255) for number in range(count)]
    tiles = [dragoman.Raster(array=array, transform=place, crs="EPSG:32618", nodata=255) for array in arrays]
    tables = tuple(f"n\n{number}\n" for number in range(count))
    return {"tiles": tiles, "tables": tables, "numbers": list(range(count))}
