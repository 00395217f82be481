from dataclasses import replace

import dragoman


def run(raster_in: dragoman.Raster, factor: float = 2) -> dict[str, object]:
    return {"raster_out": replace(raster_in, array=raster_in.array * factor)}
