"""The services behind every dialect: built once in the composition root, passed to each blueprint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragoman.web.auth import anonymous
from dragoman.web.sync_slots import DEVELOPMENT, SyncSlots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.config.settings import Settings
    from dragoman.jobs.dataset_service import DatasetService
    from dragoman.jobs.drawing_service import DrawingService
    from dragoman.jobs.service import JobService
    from dragoman.jobs.task_service import TaskService
    from dragoman.maps.catalogue import MapCatalogue
    from dragoman.model.process import JSON
    from dragoman.packages.catalogue import Offer
    from dragoman.web.auth import Authenticate
    from dragoman.web.reserved_inputs import ReservedInput


def _no_paths() -> Mapping[str, JSON]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostApi:
    """What the host serves beside the dialects: pygeoapi's collections, say."""

    paths: Callable[[], Mapping[str, JSON]] = _no_paths
    """Their OpenAPI paths; asked for when a document is, not at the start."""
    conformance: tuple[str, ...] = ()
    """Their conformance classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the routes."""

    settings: Settings
    catalogue: Offer
    jobs: JobService
    slots: SyncSlots = field(default_factory=lambda: SyncSlots(DEVELOPMENT))
    """For calls that wait for their jobs; all dialects share them, since they are the web server's threads."""
    authenticate: Authenticate = anonymous
    """Finds out who makes a request; called for every path of the server."""
    issuer_away: Callable[[], bool] = lambda: False
    """Whether whoever issues tokens could not be asked the last time."""
    description: str = ""
    """What the operator's ``metadata.identification`` says of this server."""
    title: str = "dragoman"
    reserved: tuple[ReservedInput, ...] = ()
    """The inputs that every process takes, for the dialects that are on."""
    datasets: DatasetService | None = None
    """Sessions that read datasets; None where no dialect has them."""
    tasks: TaskService | None = None
    """Jobs that are put together from files by URL; None where no dialect has them."""
    maps: MapCatalogue | None = None
    """Map services; None where no dialect has them."""
    drawing: DrawingService | None = None
    """Has maps drawn; None where no dialect has them."""
    host: HostApi = HostApi()
    """Described, with ours, in documents about the whole server."""
