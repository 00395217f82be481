"""Whether a request fits its process, asked before a job is made of it: nothing is fetched for that."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from dragoman.errors import MOST_PROBLEMS, InputProblem, InvalidInputs, InvalidRequest
from dragoman.maps.job_services import check_publishable
from dragoman.packages.outputs.roi import check_roi
from dragoman.packages.validation import validate_inputs
from dragoman.schemas.forms import media_types
from dragoman.schemas.media_types import essence
from dragoman.schemas.messages import cut
from dragoman.sources.precheck import check_href

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from dragoman.model.job import JobRequest, OutputRequest
    from dragoman.model.process import OutputSpec, Process
    from dragoman.sources.policy import SourcePolicy


def check_request(process: Process, request: JobRequest, policy: SourcePolicy) -> None:
    """Raise InvalidInputs or InvalidRequest if the request does not fit the process."""
    validate_inputs(process, request.inputs)
    problems = list(islice(_refused_hrefs(request, policy), MOST_PROBLEMS))
    if problems:
        raise InvalidInputs(problems)
    if request.roi is not None:
        check_roi(process, request.roi, request.inputs)
    unknown = [name for name in request.outputs or {} if name not in process.outputs]
    if unknown:
        raise InvalidRequest(f"unknown output {_listed(unknown)}; allowed: {', '.join(process.outputs)}")
    for name in request.publish:
        if name not in process.outputs:
            raise InvalidRequest(f"unknown output {_listed([name])}; allowed: {', '.join(process.outputs)}")
        if request.replicas is not None and request.replicas.count > 1:
            raise InvalidRequest(
                f"output '{name}' cannot be published: {request.replicas.count} replicas make it a list; allowed: 1"
            )
        check_publishable(process.outputs[name], _types(process.outputs[name], request.outputs))


def _types(spec: OutputSpec, asked: Mapping[str, OutputRequest] | None) -> tuple[str, ...]:
    """The media types that an output, or an item of a list, may come in; the one asked for, if one is."""
    wanted = asked[spec.id].media_type if asked and spec.id in asked else None
    return tuple(essence(name) for name in ((wanted,) if wanted else media_types(spec.item.schema)))


def without_inputs(process: Process, names: Collection[str]) -> Process:
    """The process as if it did not have these inputs; for equal names the same object, whose schemas are read once."""
    return _without(_Same(process), tuple(names))


class _Same:
    """A process by its identity: it holds what cannot be hashed."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.process is self.process

    def __hash__(self) -> int:
        return id(self.process)


@lru_cache(maxsize=64)
def _without(same: _Same, names: tuple[str, ...]) -> Process:
    inputs = {name: spec for name, spec in same.process.inputs.items() if name not in names}
    return replace(same.process, inputs=inputs)


def _refused_hrefs(request: JobRequest, policy: SourcePolicy) -> Iterator[InputProblem]:
    for input_id, values in request.inputs.items():
        for value in values:
            if value.href is not None and value.service is None:
                try:
                    check_href(value.href, policy)
                except InvalidRequest as error:
                    yield InputProblem(input_id=input_id, message=error.detail)


def _listed(names: Sequence[str]) -> str:
    """Names that a client chose, as many of them, and as much of each, as is of use."""
    words = ", ".join(repr(cut(name)) for name in names[:MOST_PROBLEMS])
    return words if len(names) <= MOST_PROBLEMS else f"{words} and {len(names) - MOST_PROBLEMS:,} more"
