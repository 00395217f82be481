"""Where the results of an execution come from, as W3C PROV: in PROV-JSON and PROV-XML with the same records.

The run is an activity, its inputs and outputs and the package are entities, its owner and this server are agents. Every
hash is a SHA-256 in lower-case hex: of a file as it is stored, of a value as the archive has it, of an inline input as
its compact UTF-8 JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from dragoman import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dragoman.model.job import InputValue, Job
    from dragoman.model.process import JSON

NAMESPACE: Final = "urn:dragoman:"
SHORT: Final = 1000
"""Characters of an inline scalar up to which it is told itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenFile:
    """One file of the outputs."""

    output_id: str
    name: str
    """Its file name."""
    media_type: str
    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenInput:
    """One value of one input."""

    input_id: str
    value: InputValue
    sha256: str | None
    """None: it came by reference, and its hash was not kept."""


def inline_sha256(value: JSON) -> str:
    """The hash of an inline value."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def provenance(
    job: Job, inputs: list[ProvenInput], outputs: list[ProvenFile], form: Literal["json", "xml"]
) -> bytes:
    """The document of a job in one of the forms."""
    document = records(job, inputs, outputs)
    stream: Any = io.StringIO() if form == "json" else io.BytesIO()
    document.serialize(stream, format=form)
    content = stream.getvalue()
    return content.encode() if isinstance(content, str) else bytes(content)


def records(job: Job, inputs: list[ProvenInput], outputs: list[ProvenFile]) -> Any:
    """The document, as ``prov.model.ProvDocument``."""
    from prov.model import PROV, ProvDocument

    document = ProvDocument()
    document.add_namespace("dragoman", NAMESPACE)
    run = document.activity(
        _job(job.id),
        job.started,
        job.finished,
        {"dragoman:process": job.process_id, "dragoman:status": str(job.status.in_part_1)},
    )
    package = document.entity(_package(job), {PROV["type"]: PROV["Plan"], **_package_words(job)})
    owner = document.agent(
        f"dragoman:user-{quote(job.principal.id, safe='')}", {PROV["type"]: PROV["Person"]}
    )
    software = document.agent(
        "dragoman:software",
        {PROV["type"]: PROV["SoftwareAgent"], PROV["label"]: "dragoman", "dragoman:version": __version__},
    )
    document.wasAssociatedWith(run, owner, package)
    document.wasAssociatedWith(run, software, package)
    document.actedOnBehalfOf(software, owner, run)
    for number, each in _numbered(inputs):
        entity = document.entity(
            f"{_job(job.id)}.input.{quote(each.input_id, safe='')}{number}", _input_words(each)
        )
        document.used(run, entity, None, None, {PROV["role"]: each.input_id})
    for file in outputs:
        entity = document.entity(_output(job.id, file), _output_words(file))
        document.wasGeneratedBy(entity, run, job.finished, None, {PROV["role"]: file.output_id})
        if job.request.repeats is not None:
            earlier = document.entity(_output(job.request.repeats, file))
            document.wasRevisionOf(entity, earlier)
    return document


def _job(job_id: str) -> str:
    return f"dragoman:execution-{job_id}"


def _output(job_id: str, file: ProvenFile) -> str:
    return f"{_job(job_id)}.output.{quote(file.name, safe='')}"


def _package(job: Job) -> str:
    return f"dragoman:package-{quote(job.process_id, safe='')}-{quote(job.process_version, safe='')}"


def _package_words(job: Job) -> dict[Any, Any]:
    words = {"dragoman:process": job.process_id, "dragoman:version": job.process_version}
    return words | ({"dragoman:sha256": job.runtime.digest} if job.runtime.digest else {})


def _numbered(inputs: list[ProvenInput]) -> Iterator[tuple[str, ProvenInput]]:
    """Each with ``.0``, ``.1``, ... where its input has several values."""
    counts: dict[str, int] = {}
    for each in inputs:
        counts[each.input_id] = counts.get(each.input_id, 0) + 1
    seen: dict[str, int] = {}
    for each in inputs:
        number = seen.get(each.input_id, 0)
        seen[each.input_id] = number + 1
        yield (f".{number}" if counts[each.input_id] > 1 else ""), each


def _input_words(each: ProvenInput) -> Mapping[str, str]:
    words = {"dragoman:input": each.input_id}
    value = each.value.value
    if each.sha256 is not None:
        words["dragoman:sha256"] = each.sha256
    if each.value.media_type:
        words["dragoman:mediaType"] = each.value.media_type
    if each.value.href is not None:
        scheme = each.value.href.partition(":")[0].lower()
        words["dragoman:href"] = "data:" if scheme == "data" else each.value.href
    elif isinstance(value, str | int | float | bool) and len(str(value)) <= SHORT:
        words["prov:value"] = _xml_safe(value if isinstance(value, str) else json.dumps(value))
    return words


def _xml_safe(text: str) -> str:
    """Without the characters that XML cannot hold, so that both forms say the same."""
    return (
        "".join(
            character
            if character in "\t\n" or ("\x20" <= character <= "\ud7ff") or character >= "\ue000"
            else "\ufffd"
            for character in text
        )
        .replace("\ufffe", "\ufffd")
        .replace("\uffff", "\ufffd")
    )


def _output_words(file: ProvenFile) -> Mapping[str, str]:
    return {
        "prov:label": file.name,
        "dragoman:output": file.output_id,
        "dragoman:mediaType": file.media_type,
        "dragoman:size": str(file.size),
        "dragoman:sha256": file.sha256,
    }
