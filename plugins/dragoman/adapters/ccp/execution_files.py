"""The files of an execution: outputs, metadata, log, and archives of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.adapters.ccp.documents import DOCUMENTS, PROVENANCE
from dragoman.adapters.ccp.members import OUTPUT_ZIP, ZIP, output_files, output_member
from dragoman.adapters.ccp.metadata import metadata, one
from dragoman.adapters.ccp.proven import proven
from dragoman.errors import NotFound, ResultNotReady
from dragoman.jobs.archives import Member
from dragoman.jobs.path_redaction import hide_paths
from dragoman.schemas.messages import cut
from dragoman.web.file_responses import file_response
from dragoman.web.responses import data_response, harden, json_bytes, json_response

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ogc.surface import Surface
    from dragoman.jobs.service import JobService
    from dragoman.model.job import Job
    from dragoman.model.principal import Principal
    from dragoman.web.call import Call


def of_outputs(api: Surface, call: Call, job_id: str, path: str) -> Response:
    """GET /executions/{id}/outputs/{file}: an output by its file name, or all of them as output.zip."""
    job = api.jobs.results(job_id, call.principal)
    if path == OUTPUT_ZIP and OUTPUT_ZIP not in output_files(job):
        return file_response(api.jobs.archive(job, OUTPUT_ZIP, _outputs(api, job)), ZIP)
    output = output_files(job).get(path)
    if output is None:
        raise NotFound(f"there is no file '{cut(path)}' among the outputs of job '{job.id}'")
    if output.file is not None:
        return file_response(api.jobs.content(job, output), output.media_type)
    member = output_member(path, output, lambda each: api.jobs.content(job, each))
    assert isinstance(member.content, bytes)
    response = data_response(member.content, member.media_type)
    harden(response)
    return response


def of_metadata(api: Surface, call: Call, job_id: str, name: str) -> Response:
    """GET /executions/{id}/metadata/{name}."""
    job = api.jobs.status(job_id, call.principal)
    if name in PROVENANCE:
        form, media_type = PROVENANCE[name]
        return data_response(proven(api, call.principal, job, form), media_type)
    stem = name.removesuffix(".json")
    if stem not in DOCUMENTS or stem == name:
        files = ", ".join([*(f"{each}.json" for each in DOCUMENTS), *PROVENANCE])
        raise NotFound(f"there is no metadata '{cut(name)}'; allowed: {files}")
    if stem == "request":  # says why, where it was not kept
        return json_response(api.jobs.request(job_id, call.principal))
    return json_response(one(api, call, job, stem))


def whole(api: Surface, call: Call, job_id: str) -> Response:
    """GET /executions/{id}/archive.zip: outputs, metadata and log of a job that has ended, however it did."""
    job = api.jobs.status(job_id, call.principal)
    if not job.status.finished:
        raise ResultNotReady(f"job '{job_id}' is {job.status}; its archive is not ready")
    members = [
        Member(name=f"outputs/{member.name}", media_type=member.media_type, content=member.content)
        for member in _outputs(api, job)
    ]
    members += [
        Member(name=f"metadata/{name}.json", media_type="application/json", content=json_bytes(document))
        for name, document in metadata(api, call, job).items()
        if document is not None
    ]
    members += [
        Member(name=f"metadata/{name}", media_type=media_type, content=proven(api, call.principal, job, form))
        for name, (form, media_type) in PROVENANCE.items()
    ]
    log = log_text(api.jobs, job_id, call.principal)
    members.append(Member(name="log.txt", media_type="text/plain", content=log))
    return file_response(api.jobs.archive(job, "archive.zip", members), ZIP)


def _outputs(api: Surface, job: Job) -> list[Member]:
    return [
        output_member(name, output, lambda each: api.jobs.content(job, each))
        for name, output in output_files(job).items()
    ]


def log_text(jobs: JobService, job_id: str, principal: Principal) -> bytes:
    """What the job has printed, as UTF-8, with local paths cut to their last part; raises NoSuchJob."""
    text = bytearray()
    while part := jobs.log(job_id, principal, len(text)):
        text += part
    return hide_paths(text.decode("utf-8", errors="replace")).encode("utf-8", errors="replace")
