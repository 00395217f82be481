"""CCP: what answers on which path, with which methods.

All of OGC's below ``/ccp``, with CCP's habits; and executions, below ``/ccp`` and, as OGC has it, at the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.ccp import execution_files, executions
from dragoman.adapters.ccp.habits import habits
from dragoman.adapters.ccp.settings import settings_of
from dragoman.adapters.ogc import routes as ogc
from dragoman.adapters.ogc.habits import Habits
from dragoman.adapters.ogc.surface import Surface
from dragoman.web.surface import Route, new_blueprint

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.blueprints import BlueprintSetupState

    from dragoman.web.services import Services

EXECUTIONS: Final[tuple[Route, ...]] = (
    ("/executions", "executions", {"GET": executions.listing}),
    ("/executions/<job_id>", "execution_detail", {"GET": executions.detail, "DELETE": executions.discard}),
    ("/executions/<job_id>/re-execute", "re_execute", {"POST": executions.repeat}),
    ("/executions/<job_id>/logs", "logs", {"GET": executions.logs}),
    ("/executions/<job_id>/archive.zip", "archive", {"GET": execution_files.whole}),
    ("/executions/<job_id>/outputs/<path:path>", "execution_output", {"GET": execution_files.of_outputs}),
    ("/executions/<job_id>/metadata/<name>", "metadata", {"GET": execution_files.of_metadata}),
)

AT_THE_ROOT: Final = Habits(name="ccp_executions", pages=False)
"""The states of jobs are as they are, and links lead to OGC's resources; there are no pages of executions."""


def blueprint(services: Services) -> Blueprint:
    """The routes, with all guards."""
    own = habits(settings_of(services.settings))
    api, root = Surface(services, own), Surface(services, AT_THE_ROOT)

    def mount_root(state: BlueprintSetupState) -> None:
        root.prefix = (state.url_prefix or "").rstrip("/")

    mounted = new_blueprint(own.name, api, [own.prefix, "/executions"])
    mounted.record(mount_root)
    ogc.serve(mounted, api, (*ogc.ROUTES, *EXECUTIONS), ("processes", "jobs", "executions"))
    ogc.serve(mounted, root, EXECUTIONS, ("executions",), endpoints="root_")
    return mounted
