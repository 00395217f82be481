"""The paths of jobs in ncdjango's OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.ncdjango.job_documents import WORDS
from dragoman.openapi.components import JSON_TYPE, Object, listed, record, ref, strings

if TYPE_CHECKING:
    from dragoman.model.process import JSON

TAG: Final = ["Jobs"]
SCHEMAS: Final[Object] = {
    "NewJob": record(
        ("job", "inputs"),
        job=strings(description="A name that the operator has registered."),
        inputs={
            "description": "An object with the inputs by name, or a text that is its JSON; null is none. "
            "Rasters and arrays are references: service://name[:variable][@seconds since 1970], or a URL.",
            "nullable": True,
            "anyOf": [{"type": "object"}, {"type": "string"}],
        },
        csrfmiddlewaretoken=strings(description="Of a form of Django's; not looked at."),
    ),
    "Job": record(
        ("uuid", "job", "created", "status", "inputs", "outputs"),
        uuid=strings(),
        job=strings(description="The registered name; of a job of another dialect its process."),
        created=strings(description="UTC."),
        status=strings(*dict.fromkeys(WORDS.values())),
        inputs=strings(description="As they were sent: JSON in a text."),
        outputs=strings(
            description="JSON in a text, {} before there are any. A raster that is published is the name of its map "
            "service; another one, or an array, nested lists of less than 1000 values (null: none), else its URL."
        ),
        message=strings(description="Why the job failed."),
    ),
    "JobError": {
        "type": "object",
        "description": "What is wrong: a detail, or the messages of each field.",
        "properties": {"detail": strings()},
        "additionalProperties": {"anyOf": [strings(), listed(strings())]},
    },
}
UUID: Final[Object] = {"name": "uuid", "in": "path", "required": True, "schema": {"type": "string"}}


def job_paths() -> dict[str, JSON]:
    """Both paths; each is served without the slash at its end as well."""
    new = ref("schemas", "NewJob")
    forms = (JSON_TYPE, "application/x-www-form-urlencoded", "multipart/form-data")
    create: Object = {
        **_operation(
            "createJob", "Start a registered job.", ("400", "401", "403", "404", "413", "415", "503")
        ),
        "requestBody": {"required": True, "content": {name: {"schema": new} for name in forms}},
    }
    create["responses"]["201"] = _answer("The job, as it is at once.", "Job")
    status = _operation("getJob", "Any job of yours, of whatever dialect.", ("401", "404"))
    status["responses"]["200"] = _answer("The job.", "Job")
    return {
        "/geoprocessing/rest/jobs/": {"post": create},
        "/geoprocessing/rest/jobs/{uuid}/": {"parameters": [UUID], "get": status},
    }


def _operation(operation_id: str, summary: str, refusals: tuple[str, ...]) -> Object:
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": TAG,
        "responses": {code: _answer("What is wrong.", "JobError") for code in refusals},
    }


def _answer(description: str, schema: str) -> Object:
    return {"description": description, "content": {JSON_TYPE: {"schema": ref("schemas", schema)}}}
