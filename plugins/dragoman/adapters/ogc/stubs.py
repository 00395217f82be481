"""/processes/{id}/stubs and /jobs/{id}/stubs: programs that run a process, or repeat a job, in many languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.adapters.ogc import describe
from dragoman.adapters.ogc.surface import links_of
from dragoman.codegen.languages import LANGUAGES, language_of
from dragoman.codegen.programs import Login, Plan, render
from dragoman.errors import NoSuchPage, NoSuchProcess
from dragoman.web.html import execute
from dragoman.web.links import link, url
from dragoman.web.responses import data_response, harden

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ogc.habits import Habits
    from dragoman.adapters.ogc.surface import Surface
    from dragoman.model.job import Job
    from dragoman.model.process import JSON, Process
    from dragoman.web.call import Call


def of_process(api: Surface, call: Call, process_id: str) -> Response:
    """GET /processes/{processID}/stubs: which there are."""
    process = api.services.catalogue.visible_to(call.principal).get(process_id)
    check_runs_as_job(process, api.habits)
    up = url(call.base, "processes", process.id)
    return _listing(api, call, up, f"Programs that run {process.title or process.id}")


def of_job(api: Surface, call: Call, job_id: str) -> Response:
    """GET /jobs/{jobID}/stubs: which there are; raises NotFound where the job's request is not kept."""
    _process_of(api, call, api.jobs.status(job_id, call.principal))
    api.jobs.request(job_id, call.principal)
    return _listing(api, call, url(call.base, "jobs", job_id), f"Programs that repeat job {job_id}")


def process_stub(api: Surface, call: Call, process_id: str, language: str) -> Response:
    """GET /processes/{processID}/stubs/{language}: a program with a request that works as it is."""
    process = api.services.catalogue.visible_to(call.principal).get(process_id)
    check_runs_as_job(process, api.habits)
    return _program(language, plan_for(process, call.base, api.login))


def job_stub(api: Surface, call: Call, job_id: str, language: str) -> Response:
    """GET /jobs/{jobID}/stubs/{language}: a program with the job's own request, however the job ended."""
    job = api.jobs.status(job_id, call.principal)
    process = _process_of(api, call, job)
    plan = Plan(
        process_id=job.process_id,
        title=process.title if process is not None else "",
        execution_url=url(call.base, "processes", job.process_id, "execution"),
        request=api.jobs.request(job_id, call.principal),
        login=api.login,
        job_id=job.id,
    )
    return _program(language, plan)


def check_runs_as_job(process: Process, habits: Habits) -> None:
    """Raise NoSuchPage for a process that only runs while its client waits: every program waits for a job."""
    if "async" not in process.modes and not habits.always_async:
        raise NoSuchPage(
            f"there are no programs for '{process.id}', which does not run as a job; it answers an execution itself"
        )


def _process_of(api: Surface, call: Call, job: Job) -> Process | None:
    """The process of a job, None where it is not served any more; raises as ``check_runs_as_job``."""
    try:
        process = api.services.catalogue.visible_to(call.principal).get(job.process_id)
    except NoSuchProcess:
        return None
    check_runs_as_job(process, api.habits)
    return process


def plan_for(process: Process, base: str, login: Login | None) -> Plan:
    """What a program for a process does; ``base`` is the public URL of the landing page."""
    request = process.example or execute.request_of(describe.description(process, base))
    return Plan(
        process_id=process.id,
        title=process.title,
        execution_url=url(base, "processes", process.id, "execution"),
        request=request,
        login=login,
    )


def stub_list(up: str) -> list[dict[str, JSON]]:
    """The programs there are for the process or job at ``up``."""
    return [
        {
            "language": language.id,
            "href": f"{up}/stubs/{language.id}",
            "type": language.media_type,
            "title": language.title,
        }
        for language in LANGUAGES
    ]


def _listing(api: Surface, call: Call, up: str, title: str) -> Response:
    links = [*links_of(call, f"{up}/stubs"), link(up, "up")]
    document: JSON = {"stubs": stub_list(up), "links": links}
    return api.answer(call, "stubs", document, title=title)


def _program(name: str, plan: Plan) -> Response:
    language = language_of(name)
    text = render(language, plan)
    response = data_response(text.encode("utf-8", errors="replace"), language.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{plan.file_name(language)}"'
    harden(response)
    return response
