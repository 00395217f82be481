"""pygeoapi's faces: the job manager and the processor that its configuration names, and the mount."""

from __future__ import annotations

import functools
import json
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pygeoapi.api import CONFORMANCE_CLASSES, all_apis
from pygeoapi.process.base import (
    BaseProcessor,
    JobNotFoundError,
    JobResultNotFoundError,
    ProcessorExecuteError,
)
from pygeoapi.process.manager.base import BaseManager
from pygeoapi.util import JobStatus as PygeoapiStatus
from werkzeug.serving import WSGIRequestHandler

from dragoman import composition, hook
from dragoman.adapters.ogc import routes as ogc
from dragoman.adapters.ogc.describe import description
from dragoman.adapters.pesto import routes as pesto
from dragoman.codegen import openapi
from dragoman.errors import DragomanError, NoSuchJob
from dragoman.foreign import foreign_process, load_processor
from dragoman.jobs.service import Submission
from dragoman.model.job import InputValue, JobQuery, JobRequest
from dragoman.model.principal import ANONYMOUS
from dragoman.model.status import JobStatus
from dragoman.packages.loader import load_folder
from dragoman.web import health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from flask.blueprints import BlueprintSetupState

    from dragoman.packages.catalogue import Catalogue
    from dragoman.settings import Settings
    from dragoman.web.services import Services

ITEM_CLASSES = {"feature": "CONFORMANCE_CLASSES_FEATURES", "record": "CONFORMANCE_CLASSES_RECORDS"}

LOGGER = logging.getLogger(__name__)

__all__ = ["JobManager", "PackagedProcessor", "load_processor"]


class PackagedProcessor(BaseProcessor):  # type: ignore[misc]
    """A packaged algorithm as a pygeoapi processor; jobs are run by JobManager, not through ``execute``."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        base = hook.read_settings().config_path.parent
        profiles = processor_def.get("profiles") or ()
        process = load_folder(base / processor_def["package"], profiles=profiles)
        super().__init__(processor_def, description(process, ""))
        self.supports_outputs = True

    def execute(self, data: dict[str, Any], outputs: dict[str, Any] | None = None) -> tuple[str, Any]:
        """Refused: outside a worker there is no job to keep what is computed."""
        raise ProcessorExecuteError(
            f"'{self.metadata['id']}' runs as a job of {JobManager.__module__}.JobManager"
        )


class JobManager(BaseManager):  # type: ignore[misc]
    """pygeoapi's job manager on JobService; where pygeoapi serves, it mounts our routes over pygeoapi's own."""

    def __init__(self, manager_def: dict[str, Any]) -> None:
        super().__init__(manager_def)
        self.is_async = True
        self.supports_subscribing = True
        self._services: Services | None = None
        blueprint = getattr(sys.modules.get("pygeoapi.flask_app"), "BLUEPRINT", None)
        if (
            blueprint is not None and not blueprint._got_registered_once
        ):  # with ``admin`` a second one is built
            blueprint.record_once(mount)

    @property
    def services(self) -> Services:
        """Built when first asked for: ``openapi generate`` builds a manager too, and needs no engine."""
        if self._services is None:
            self._services = build_services(hook.read_settings())
        return self._services

    def get_jobs(
        self, status: PygeoapiStatus | None = None, limit: int | None = None, offset: int | None = None
    ) -> dict[str, Any]:
        """See BaseManager."""
        statuses = () if status is None else (JobStatus(status.value),)
        page = self.services.jobs.find(
            JobQuery(statuses=statuses, limit=limit or 10_000, offset=offset or 0), ANONYMOUS
        )
        return {"jobs": [_pygeoapi_job(job) for job in page.jobs], "numberMatched": page.matched}

    def get_job(self, job_id: str) -> dict[str, Any]:
        """See BaseManager."""
        try:
            return _pygeoapi_job(self.services.jobs.status(job_id, ANONYMOUS))
        except NoSuchJob as error:
            raise JobNotFoundError from error

    def get_job_result(self, job_id: str) -> tuple[str, Any]:
        """See BaseManager."""
        try:
            job = self.services.jobs.results(job_id, ANONYMOUS)
        except NoSuchJob as error:
            raise JobNotFoundError from error
        except DragomanError as error:
            raise JobResultNotFoundError(error.detail) from error
        return "application/json", {output.id: output.value for output in job.outputs.values()}

    def delete_job(self, job_id: str) -> bool:
        """See BaseManager."""
        try:
            job = self.services.jobs.status(job_id, ANONYMOUS)
            remove = self.services.jobs.remove if job.status.finished else self.services.jobs.dismiss
            remove(job_id, ANONYMOUS)
        except NoSuchJob as error:
            raise JobNotFoundError from error
        return True

    def execute_process(self, process_id: str, data_dict: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """See BaseManager; waits for the job, and gives its outputs as one mapping."""
        values = {name: (InputValue(value=value),) for name, value in data_dict.items()}
        how = Submission(mode="sync", dialect="pygeoapi", wait=None)
        job = self.services.jobs.submit(process_id, JobRequest(inputs=values), ANONYMOUS, how)
        outputs = {output.id: output.value for output in job.outputs.values()}
        return job.id, "application/json", outputs, PygeoapiStatus[job.status.value], {}


def mount(state: BlueprintSetupState) -> None:
    """Register our routes before pygeoapi's own, so that ours win on the same paths."""
    settings = hook.read_settings()
    if Path(sys.argv[0]).name == "pygeoapi":
        _check_port(settings)
    try:
        services = build_services(settings)
    except DragomanError as error:  # an engine that does not come up: its own words stand above
        hook.give_up(error)
    others = functools.cache(
        lambda: other_paths(settings)
    )  # asked for when the document is, not at the start
    blueprint = ogc.blueprint(
        services,
        definition=lambda base: _document(settings, services.catalogue, base, others()),
        other_classes=other_classes(settings),
    )
    state.app.register_blueprint(blueprint, url_prefix=state.url_prefix)
    if settings.pesto is not None:
        state.app.register_blueprint(pesto.blueprint(services), url_prefix=state.url_prefix)
    state.app.register_blueprint(health.blueprint(services), url_prefix=state.url_prefix)
    _serve_well(cast("Flask", state.app))


def _check_port(settings: Settings) -> None:
    """End with one line if the port is taken: a second server must not touch the engine of the first."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            print(
                f"server.bind: {settings.host}:{settings.port} cannot be used: {error.strerror}",
                file=sys.stderr,
            )
            raise SystemExit(1) from error


def build_services(settings: Settings) -> Services:
    """Services on a running engine: queued jobs go on after a restart without a request."""
    catalogue = composition.catalogue(settings, foreign_process)
    engine = composition.executor(settings)
    engine.start()
    return composition.services(settings, catalogue, engine)


def refresh_openapi(path: Path) -> None:
    """Write the document that pygeoapi loads at its start, if what is there is not today's."""
    settings = hook.read_settings()
    stamp = f"{composition.build()}-{settings.digest}"
    try:
        if json.loads(path.read_text("utf-8")).get("x-dragoman-stamp") == stamp:
            return
    except (OSError, ValueError):
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    document = _document(settings, composition.catalogue(settings, foreign_process), settings.server_url)
    draft.write_text(json.dumps({**document, "x-dragoman-stamp": stamp}), "utf-8")
    draft.replace(path)


def merged_openapi(others: Any, cfg: Mapping[str, Any]) -> dict[str, Any]:
    """pygeoapi's document of everything but processes, with ours of those."""
    settings = hook.read_settings()
    catalogue = composition.catalogue(settings, foreign_process)
    return _document(settings, catalogue, settings.server_url, _paths(others, cfg))


def other_paths(settings: Settings) -> dict[str, Any]:
    """The paths of pygeoapi's own resources (collections), for our document; empty where there are none."""
    cfg = json.loads(json.dumps(settings.raw, default=str))
    if all(resource.get("type") == "process" for resource in cfg.get("resources", {}).values()):
        return {}
    generate = sys.modules["pygeoapi.openapi"].get_oas_30.__wrapped__
    return _paths(generate, cfg)


def other_classes(settings: Settings) -> list[str]:
    """The conformance classes of pygeoapi's own resources, as pygeoapi itself finds them; none without any."""
    others = [each for each in settings.raw.get("resources", {}).values() if each.get("type") != "process"]
    if not others:
        return []
    apis, found = all_apis(), list(CONFORMANCE_CLASSES)
    for provider in (each for resource in others for each in resource.get("providers", ())):
        kind = provider["type"]
        found += getattr(apis.get(kind), "CONFORMANCE_CLASSES", [])
        if kind in ITEM_CLASSES:
            found += getattr(apis["itemtypes"], ITEM_CLASSES[kind])
    return sorted(set(found))


def _paths(generate: Any, cfg: Mapping[str, Any]) -> dict[str, Any]:
    resources = {
        name: each for name, each in cfg.get("resources", {}).items() if each.get("type") != "process"
    }
    server = {name: value for name, value in cfg["server"].items() if name != "manager"}
    paths: dict[str, Any] = generate({**cfg, "server": server, "resources": resources})["paths"]
    return paths


def _document(
    settings: Settings, catalogue: Catalogue, base: str, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    title, description = composition.identification(settings)
    return openapi.document(
        catalogue,
        server_url=base,
        title=title,
        description=description,
        extra=extra,
    )


def _serve_well(app: Flask) -> None:
    """Undo what ``pygeoapi serve`` hard-codes: no debugger, no reloader; bodies may be sent in chunks.

    Every answer closes its connection: werkzeug does so, since it cannot tell where an unread body ends. Under
    gunicorn connections are kept alive.
    """
    run = app.run

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: the second would wait for an ACK

    def serve(host: str | None = None, port: int | None = None, **_options: Any) -> None:
        run(host, port, debug=False, use_reloader=False, threaded=True, request_handler=Handler)

    app.run = serve  # type: ignore[method-assign,assignment]


def _pygeoapi_job(job: Any) -> dict[str, Any]:
    return {
        "identifier": job.id,
        "process_id": job.process_id,
        "status": job.status.value,
        "message": job.message,
        "progress": job.progress,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "updated": job.updated,
        "mimetype": "application/json",
    }
