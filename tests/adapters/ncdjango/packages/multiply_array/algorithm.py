from dataclasses import replace

import dragoman


def run(array_in: dragoman.Raster, factor: float = 2) -> dict[str, object]:
    return {"array_out": replace(array_in, array=array_in.array * factor)}
