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
from dragoman.datasets.limits import DatasetLimits
from dragoman.jobs.dataset_service import GUEST as DATASETS
from dragoman.jobs.dataset_service import DatasetService
from dragoman.jobs.dataset_settings import DatasetSettings
from dragoman.jobs.engine_settings import EngineSettings, GuestRoom
from dragoman.jobs.executors.local import LocalExecutor
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.jobs.stores import open_store
from dragoman.packages.catalogue import Catalogue, Declaration, build_catalogue
from dragoman.packages.forms import BUILT_IN
from dragoman.sources.policy import SourcePolicy
from dragoman.web.services import Services
from dragoman.web.sync_slots import SyncSlots, waiter_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.config.settings import ProcessDeclaration, Settings
    from dragoman.datasets.ports import SessionStore
    from dragoman.model.process import JSON

DATASET_SESSIONS: Final = "dragoman.jobs.engine.dataset_sessions:open_sessions"
"""Imported by the supervisor when the first session is asked for."""

FORMS: Final = BUILT_IN.plus(processor="dragoman.host.processors:PROCESSOR")
"""Every form of package that can be served; see ``dragoman.packages.forms``."""


def catalogue(settings: Settings) -> Catalogue:
    """Every declared process that can be served."""
    return build_catalogue(map(_declaration, settings.processes), FORMS)


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
        forms=FORMS,
        log_format=settings.log_format,
        sync_slots=settings.jobs.sync_slots,
        max_parallel={p.id: p.max_parallel for p in settings.processes if p.max_parallel},
        guests=guests(settings),
    )


def guests(settings: Settings) -> dict[str, GuestRoom]:
    """The parts of the supervisor that are not about jobs, of the dialects that are on."""
    if settings.dialects.get(aeon.NAME) is False:
        return {}
    own = aeon.settings_of(settings)
    limits = DatasetLimits(
        max_file_bytes=settings.fetch.max_bytes,
        max_batch_bytes=own.session_memory,
        max_pixels=settings.limits.max_pixels,
        fast_decode=own.fast_decode,
        packed_fit=own.packed_fit,
    )
    datasets = DatasetSettings(
        policy=SourcePolicy.from_settings(settings),
        limits=limits,
        memory=own.memory,
        idle_timeout=own.idle_timeout,
    )
    return {DATASETS: GuestRoom(place=DATASET_SESSIONS, settings=datasets)}


def executor(settings: Settings) -> LocalExecutor:
    """The embedded engine of this HOME; not started yet."""
    return LocalExecutor(
        engine_settings(settings),
        [sys.executable, "-P", "-m", "dragoman.cli", "supervise"],
        max_waiting=waiter_limit(settings.jobs.sync_waiters, sys.argv, os.environ),
    )


def services(settings: Settings, processes: Catalogue, engine: LocalExecutor) -> Services:
    """Everything that the routes need."""
    jobs = JobService(
        catalogue=processes,
        store=open_store(settings.database_url),
        executor=engine,
        results=FolderResults(settings.home),
        policy=SourcePolicy.from_settings(settings),
        min_free_bytes=settings.limits.min_free_disk,
    )
    title, description = identification(settings)
    slots = SyncSlots(waiter_limit(settings.jobs.sync_waiters, sys.argv, os.environ))
    return Services(
        settings=settings,
        catalogue=processes,
        jobs=jobs,
        slots=slots,
        title=title,
        description=description,
        datasets=DatasetService(engine, partial(_open_session_store, settings.database_url)),
    )


def _open_session_store(url: str) -> SessionStore:
    from dragoman.jobs.stores.dataset_sessions import open_session_store  # when a session is asked for

    return open_session_store(url)


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
