"""The composition root: settings in, services out. Nothing here is global; nothing below reads settings itself."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dragoman.adapters.aeon import settings as aeon
from dragoman.adapters.appstore import settings as appstore
from dragoman.adapters.ccp import settings as ccp
from dragoman.adapters.ncdjango import settings as ncdjango
from dragoman.datasets.limits import DatasetLimits
from dragoman.jobs.dataset_service import GUEST as DATASETS
from dragoman.jobs.dataset_service import DatasetService
from dragoman.jobs.dataset_settings import DatasetSettings
from dragoman.jobs.drawing_service import GUEST as MAPS
from dragoman.jobs.drawing_service import DrawingService
from dragoman.jobs.drawing_settings import DrawingSettings
from dragoman.jobs.engine_settings import EngineSettings, GuestRoom
from dragoman.jobs.executors.local import LocalExecutor
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.jobs.stores import open_store
from dragoman.jobs.task_service import GUEST as TASKS
from dragoman.jobs.task_service import TaskService
from dragoman.jobs.task_settings import TaskSettings
from dragoman.maps.catalogue import MapCatalogue
from dragoman.maps.own_services import OwnMaps
from dragoman.packages.catalogue import Catalogue, Declaration, Offer, build_catalogue
from dragoman.packages.digest import short
from dragoman.packages.forms import BUILT_IN, Forms
from dragoman.packages.serving.records import Records
from dragoman.packages.serving.served_catalogue import ServedCatalogue
from dragoman.sources.policy import SourcePolicy
from dragoman.web.auth import anonymous, by_token
from dragoman.web.services import Services
from dragoman.web.sync_slots import SyncSlots, waiter_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragoman.config.settings import ProcessDeclaration, Settings
    from dragoman.datasets.ports import SessionStore
    from dragoman.identity.tokens import Tokens
    from dragoman.jobs.task_ports import TaskStore
    from dragoman.maps.ports import ServiceStore
    from dragoman.model.process import JSON, Process

DATASET_SESSIONS: Final = "dragoman.jobs.engine.dataset_sessions:open_sessions"
"""Imported by the supervisor when the first session is asked for."""
MAP_PICTURES: Final = "dragoman.jobs.engine.map_pictures:open_pictures"
"""Imported by the supervisor when the first map is asked for."""

ASSET_TASKS: Final = "dragoman.jobs.engine.asset_tasks:open_tasks"
"""Imported by the supervisor at its start: tasks go on where they were."""

FORMS: Final = BUILT_IN.plus(
    processor="dragoman.host.processors:PROCESSOR",
    script="dragoman.packages.scripts.form:SCRIPTS",
    workflow="dragoman.packages.workflow.form:WORKFLOW",
)
"""Every form of package that can be served; see ``dragoman.packages.forms``."""

SCRIPTS_OFF: Final = "dragoman.packages.scripts.form:SCRIPTS_OFF"
"""In place of ``script`` where the operator has not allowed methods that are scripts."""

COMMAND: Final = (sys.executable, "-P", "-m", "dragoman.cli")
"""Starts a command of ours in another process."""

MAP_FILE: Final = (sys.executable, "-P", "-m", "dragoman.maps.own_files_child")
"""Looks at a file that is to be a map service, in another process."""


def allowed_forms(settings: Settings) -> Forms:
    """The forms of package that this server runs."""
    if settings.dialects.get(ccp.NAME) is not False and ccp.settings_of(settings).script_methods:
        return FORMS
    return Forms(tuple((name, SCRIPTS_OFF if name == "script" else place) for name, place in FORMS.places))


def catalogue(settings: Settings) -> Catalogue:
    """Every declared process that can be served, as its files are now."""
    return build_catalogue(declarations(settings), allowed_forms(settings))


def served_catalogue(settings: Settings) -> ServedCatalogue:
    """What a server offers: copies of the packages, which follow their files unless ``reload`` is off."""
    forms = allowed_forms(settings)
    served = ServedCatalogue(declarations(settings), forms=forms, home=settings.home)
    served.start(retry=not settings.reload)
    if settings.reload:
        served.watch(partial(_probe, forms=forms, command=[*COMMAND, "probe"]))
    return served


def kept_versions(settings: Settings) -> Iterator[str]:
    """A line on each package of which a server of this HOME goes on with an earlier version."""
    records = Records(settings.home)
    for declaration in declarations(settings):
        record = records.read(declaration)
        if record is not None and record.snapshot and record.problem:
            name = f"{record.version} ({short(record.digest)})"
            yield f"{record.id}: {name} goes on being served, since {record.problem}"


def _probe(process: Process, *, forms: Forms, command: Sequence[str]) -> str:
    from dragoman.jobs.trials.load_check import probe  # when a package has changed

    return probe(process, forms, command)


def declarations(settings: Settings) -> list[Declaration]:
    """What the configuration declares: its resources, and the workflows among ncdjango's jobs."""
    jobs = ncdjango.settings_of(settings).jobs
    workflows = [
        Declaration(id=name, form="workflow", options=job.workflow)
        for name, job in jobs.items()
        if job.workflow
    ]
    return [*(_declaration(declared) for declared in settings.processes), *workflows]


def _declaration(declared: ProcessDeclaration) -> Declaration:
    if declared.package is None:
        return Declaration(id=declared.id, form="processor", options=declared.processor or {})
    return Declaration(id=declared.id, folder=declared.package, options=profile_options(declared.profiles))


def profile_options(profiles: Sequence[str]) -> Mapping[str, JSON]:
    """The options of a package in a folder, which may be a PESTO project with profiles that are switched on."""
    return {"profiles": list(profiles)} if profiles else {}


def engine_settings(settings: Settings) -> EngineSettings:
    """What the supervisor is told."""
    return EngineSettings(
        home=settings.home,
        database_url=settings.database_url,
        slots=settings.workers,
        warm_workers=settings.warm_workers,
        queue_limit=settings.jobs.queue_limit,
        max_attempts=settings.jobs.max_attempts,
        keep_results=settings.jobs.keep_results,
        max_pixels=settings.limits.max_pixels,
        policy=SourcePolicy.from_settings(settings),
        server_url=settings.server_url,
        log_level=str(logging_of(settings).get("level") or "WARNING"),
        log_file=logging_of(settings).get("logfile"),
        build=build(),
        digest=settings.digest,
        forms=allowed_forms(settings),
        log_format=settings.log_format,
        sync_slots=settings.jobs.sync_slots,
        opening_timeout=settings.limits.opening_timeout,
        max_parallel={p.id: p.max_parallel for p in settings.processes if p.max_parallel},
        max_temporary_service_age=ncdjango.settings_of(settings).max_temporary_service_age,
        guests=guests(settings),
    )


def guests(settings: Settings) -> dict[str, GuestRoom]:
    """The parts of the supervisor that are not about jobs, of the dialects that are on."""
    rooms = {}
    if settings.dialects.get(aeon.NAME) is not False:
        rooms[DATASETS] = GuestRoom(place=DATASET_SESSIONS, settings=_dataset_settings(settings))
    if settings.dialects.get(ncdjango.NAME) is not False:
        maps = ncdjango.settings_of(settings)
        drawing = DrawingSettings(processes=maps.render_processes, cache=maps.picture_cache)
        rooms[MAPS] = GuestRoom(place=MAP_PICTURES, settings=drawing)
    if settings.dialects.get(appstore.NAME) is not False:
        rooms[TASKS] = GuestRoom(place=ASSET_TASKS, settings=_task_settings(settings), early=True)
    return rooms


def _dataset_settings(settings: Settings) -> DatasetSettings:
    own = aeon.settings_of(settings)
    limits = DatasetLimits(
        max_file_bytes=settings.fetch.max_bytes,
        max_batch_bytes=own.session_memory,
        max_pixels=settings.limits.max_pixels,
        fast_decode=own.fast_decode,
        packed_fit=own.packed_fit,
    )
    return DatasetSettings(
        policy=SourcePolicy.from_settings(settings),
        limits=limits,
        memory=own.memory,
        idle_timeout=own.idle_timeout,
    )


def _task_settings(settings: Settings) -> TaskSettings:
    return TaskSettings(
        policy=SourcePolicy.from_settings(settings),
        downloads=appstore.settings_of(settings).downloads,
        queue_limit=settings.jobs.queue_limit,
        min_free_disk=settings.limits.min_free_disk,
    )


def executor(settings: Settings) -> LocalExecutor:
    """The embedded engine of this HOME; not started yet."""
    return LocalExecutor(
        engine_settings(settings),
        [*COMMAND, "supervise"],
        max_waiting=waiter_limit(settings.jobs.sync_waiters, sys.argv, os.environ),
    )


def services(settings: Settings, processes: Offer, engine: LocalExecutor) -> Services:
    """Everything that the routes need."""
    maps = map_catalogue(settings)
    store = open_store(settings.database_url)
    jobs = JobService(
        catalogue=processes,
        store=store,
        executor=engine,
        results=FolderResults(settings.home),
        policy=SourcePolicy.from_settings(settings),
        min_free_bytes=settings.limits.min_free_disk,
        execute=settings.auth.execute,
        maps=maps,
        hides_drafts=True,
    )
    tasks = TaskService(
        jobs=jobs, store=store, desk=engine, open_store=partial(_open_task_store, settings.database_url)
    )
    title, description = identification(settings)
    tokens = token_reader(settings)
    slots = SyncSlots(waiter_limit(settings.jobs.sync_waiters, sys.argv, os.environ))
    return Services(
        settings=settings,
        catalogue=processes,
        jobs=jobs,
        slots=slots,
        authenticate=anonymous if tokens is None else by_token(settings.auth, tokens.principal),
        issuer_away=(lambda: False) if tokens is None else tokens.away,
        title=title,
        description=description,
        datasets=DatasetService(engine, partial(_open_session_store, settings.database_url)),
        tasks=tasks,
        maps=maps,
        drawing=DrawingService(engine, settings.home),
    )


def token_reader(settings: Settings) -> Tokens | None:
    """What reads tokens; imported only where there are some. None: nobody is authenticated."""
    if settings.auth.oidc is None:
        return None
    from dragoman.identity.tokens import Tokens

    return Tokens(settings.auth.oidc)


def map_catalogue(settings: Settings) -> MapCatalogue | None:
    """The map services, the operator's and those that jobs publish; None where the dialect of maps is off."""
    if settings.dialects.get(ncdjango.NAME) is False:
        return None
    own = OwnMaps(ncdjango.settings_of(settings).services, home=settings.home, command=MAP_FILE)
    return MapCatalogue(
        home=settings.home, open_store=partial(_open_service_store, settings.database_url), own=own
    )


def _open_service_store(url: str) -> ServiceStore:
    from dragoman.jobs.stores.map_services import open_service_store  # when a service is asked for

    return open_service_store(url)


def _open_session_store(url: str) -> SessionStore:
    from dragoman.jobs.stores.dataset_sessions import open_session_store  # when a session is asked for

    return open_session_store(url)


def _open_task_store(url: str) -> TaskStore:
    from dragoman.jobs.stores.tasks import open_task_store  # when a task is asked for

    return open_task_store(url)


def logging_of(settings: Settings) -> Mapping[str, Any]:
    """pygeoapi's own ``logging`` section, which the supervisor follows as well."""
    section: Mapping[str, Any] = settings.raw.get("logging") or {}
    return section


def identification(settings: Settings) -> tuple[str, str]:
    """Title and description of the server, in its first language."""
    words = settings.raw.get("metadata", {}).get("identification", {})
    return plain(words.get("title")) or "dragoman", plain(words.get("description"))


def plain(text: Any) -> str:
    """A text of pygeoapi's configuration or metadata: itself, or of its translations English or the first."""
    if isinstance(text, Mapping):
        return str(text.get("en") or next(iter(text.values()), ""))
    return "" if text is None else str(text)


@cache
def build() -> str:
    """A hash of this very code: a supervisor of another build is replaced."""
    root = Path(__file__).parent
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
