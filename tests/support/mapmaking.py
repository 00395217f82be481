"""Map services for the suites that keep, list and draw them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dragoman.model.map_service import MapGrid, MapService, MapVariable
from dragoman.model.renderer import Renderer

GRID = MapGrid(crs_wkt='GEOGCRS["WGS 84"]', transform=(0.1, 0.0, 5.25, 0.0, -0.1, 50.5), width=20, height=10)
VARIABLE = MapVariable(
    name="data",
    index=0,
    dtype="float32",
    nodata=-9999.5,
    minimum=0.1,
    maximum=None,
    units="K",
    times=(0.0, 86400.5),
    renderer=Renderer(kind="unique", colors=((1.0, "#000"), (2.5, "#fff8ff00")), labels=("a", "größe")),
    drawn=((Path("services/job/map.tif"), 1), (Path("services/job/map.tif"), 2)),
)


def make_service(**changes: Any) -> MapService:
    """A temporary service of alice's, with some fields changed; there are no files."""
    plain = MapService(
        name="job/map",
        owner="alice",
        description="größe",
        created=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        temporary=True,
        job_id="job",
        data=Path("services/job/map.nc"),
        grid=GRID,
        variables=(VARIABLE,),
    )
    return replace(plain, **changes)
