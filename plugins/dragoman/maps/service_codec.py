"""Services as JSON and back, for the store's rows and for the wire to the supervisor."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dragoman.errors import InvalidRenderer
from dragoman.maps.renderers import dump_renderer, load_renderer
from dragoman.model.map_service import MapGrid, MapService, MapVariable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON


def dump_service(service: MapService) -> dict[str, JSON]:
    """A service as JSON; its paths stay as they are, relative ones too."""
    data = _fields(service)
    data["created"] = service.created.isoformat()
    data["data"] = str(service.data)
    data["grid"] = {**_fields(service.grid), "transform": list(service.grid.transform)}
    data["variables"] = [_dump_variable(variable) for variable in service.variables]
    return data


def load_service(data: Mapping[str, JSON]) -> MapService:
    """The inverse of dump_service; raises ValueError for anything else."""
    try:
        members: dict[str, Any] = dict(data)
        grid = members.pop("grid")
        return MapService(
            created=datetime.fromisoformat(members.pop("created")),
            data=Path(members.pop("data")),
            grid=MapGrid(**{**grid, "transform": tuple(map(float, grid["transform"]))}),
            variables=tuple(_load_variable(variable) for variable in members.pop("variables")),
            **members,
        )
    except (TypeError, KeyError, AttributeError, InvalidRenderer) as error:
        raise ValueError(f"not a service: {error!r}") from error


def _dump_variable(variable: MapVariable) -> dict[str, JSON]:
    return {
        **_fields(variable),
        "times": list(variable.times),
        "renderer": dump_renderer(variable.renderer),
        "drawn": [[str(path), band] for path, band in variable.drawn],
    }


def _load_variable(data: Mapping[str, JSON]) -> MapVariable:
    return MapVariable(
        **{
            **data,
            "times": tuple(data["times"]),
            "renderer": load_renderer(data["renderer"]),
            "drawn": tuple((Path(path), int(band)) for path, band in data["drawn"]),
        }
    )


def _fields(value: Any) -> dict[str, JSON]:
    return {name: getattr(value, name) for name in type(value).__slots__}
