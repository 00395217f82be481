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


def service_name(job_id: str, output_id: str) -> str:
    """The name of the service of a published output."""
    return f"{job_id}/{output_id}"


def check_publishable(spec: OutputSpec, media_types: tuple[str, ...]) -> None:
    """Raise InvalidRequest for an output that cannot be a map, as far as its schema tells.

    ``media_types`` are those it may come in, without parameters; none: any.
    """
    problem = ""
    if spec.repeatable:
        problem = "is a list"
    elif media_types and not set(media_types) & set(PUBLISHED):
        problem = f"is {', '.join(media_types)}"
    elif not media_types and spec.schema.get("type") not in (None, "string"):
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
) -> list[MapService]:
    """Write the files of the services that a job asks for into ``folder``, of its outputs' files in ``results``.

    Their paths are relative to HOME, as they will be once the folder is at its place. Owner and time are the
    supervisor's to say. Raises OutputError that names the output.
    """
    services = []
    for output_id, renderer in wishes.items():
        output = outputs.get(output_id)
        if output is None or output.file is None:
            raise OutputError(f"output '{output_id}' cannot be published: it is no file")
        folder.mkdir(parents=True, exist_ok=True)
        services.append(_service(job_id, output_id, renderer, results / output.file, folder))
    return services


def _service(job_id: str, output_id: str, renderer: Renderer, source: Path, folder: Path) -> MapService:
    from rasterio.errors import RasterioError  # where something is published

    from dragoman.maps.publishing import Publication, publish_raster
    from dragoman.workers.wear import give_back

    publication = Publication(
        name=service_name(job_id, output_id),
        renderer=renderer,
        data=data_file(job_id, output_id),
        job_id=job_id,
    )
    try:
        give_back()  # what the job itself has left, else it stays beside what publishing takes
        return publish_raster(source, publication, folder)
    except InvalidRequest as error:
        raise OutputError(f"output '{output_id}' cannot be published: {error.detail}") from error
    except (OSError, RasterioError, RuntimeError) as error:  # a full disk; a file that is damaged inside
        told = (isinstance(error, OSError) and error.strerror) or "its cells cannot be read or written"
        raise OutputError(f"output '{output_id}' cannot be published: {told}") from error
