"""The services of one run: made of its outputs in the worker, before the run is said to have succeeded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.errors import InvalidRequest, OutputError
from dragoman.maps.service_files import data_file
from dragoman.schemas.media_types import essence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.job import Output
    from dragoman.model.map_service import MapService
    from dragoman.model.process import OutputSpec
    from dragoman.model.renderer import Renderer

PUBLISHED: Final = ("image/tiff", "image/geotiff", "application/geotiff", "application/x-netcdf")
"""Media types of what can be published, without their parameters."""


def service_name(job_id: str, part: str) -> str:
    """The name of the service of a published output, or of an item of one: ``part`` is as in ``parts_of``."""
    return f"{job_id}/{part}"


def parts_of(output: Output) -> list[tuple[str, Output]]:
    """What of an output can be a service each: itself, or the items of a list, ``output/0`` the first; by that name."""
    if output.items or output.value == []:
        return [(f"{output.id}/{place}", item) for place, item in enumerate(output.items)]
    return [(output.id, output)]


def check_publishable(spec: OutputSpec, media_types: tuple[str, ...]) -> None:
    """Raise InvalidRequest for an output that cannot be a map, as far as its schema tells.

    ``media_types`` are those that it, or each item of a list, may come in, without parameters; none: any.
    """
    problem = ""
    if media_types and not set(media_types) & set(PUBLISHED):
        problem = f"is {', '.join(media_types)}"
    elif not media_types and spec.item.schema.get("type") not in (None, "string"):
        problem = "is no file"
    if problem:
        raise InvalidRequest(
            f"output '{spec.id}' cannot be published: it {problem}; allowed: a GeoTIFF or NetCDF"
        )


def is_map(output: Output) -> bool:
    """Whether an output is a file that can be published."""
    return output.file is not None and essence(output.media_type) in PUBLISHED


def make_services(
    job_id: str,
    wishes: Mapping[str, Renderer],
    outputs: Mapping[str, Output],
    *,
    results: Path,
    folder: Path,
    rasters_alone: bool = False,
) -> list[MapService]:
    """Write the files of the services that a job asks for into ``folder``, of its outputs' files in ``results``.

    Their paths are relative to HOME, as they will be once the folder is at its place. Owner and time are the
    supervisor's to say. Each raster of a list is a service. With ``rasters_alone`` whatever else is left as it is.
    Raises OutputError that names the output.
    """
    services = []
    for output_id, renderer in wishes.items():
        output = outputs.get(output_id)
        for part, each in parts_of(output) if output is not None else [(output_id, None)]:
            if rasters_alone and (each is None or not is_map(each)):
                continue
            if each is None or each.file is None:
                raise OutputError(f"output '{part}' cannot be published: it is no file")
            folder.mkdir(parents=True, exist_ok=True)
            services.append(_service(job_id, part, renderer, results / each.file, folder))
    return services


def _service(job_id: str, part: str, renderer: Renderer, source: Path, folder: Path) -> MapService:
    from rasterio.errors import RasterioError  # where something is published

    from dragoman.maps.publishing import Publication, publish_raster
    from dragoman.workers.wear import give_back, trim

    publication = Publication(
        name=service_name(job_id, part),
        renderer=renderer,
        data=data_file(job_id, part),
        job_id=job_id,
    )
    try:
        give_back()  # what the job itself has left, else it stays beside what publishing takes
        return publish_raster(source, publication, folder)
    except InvalidRequest as error:
        raise OutputError(f"output '{part}' cannot be published: {error.detail}") from error
    except (OSError, RasterioError, RuntimeError) as error:  # a full disk; a file that is damaged inside
        told = (isinstance(error, OSError) and error.strerror) or "its cells cannot be read or written"
        raise OutputError(f"output '{part}' cannot be published: {told}") from error
    finally:
        trim()  # else it stays beside what the next job takes
