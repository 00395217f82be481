"""From the body that makes a task to the plan of it and the inputs that are known already. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.errors import InputError, InvalidRequest, PackageError
from dragoman.model.job import InputValue, JobRequest
from dragoman.model.task import TaskPlan
from dragoman.schemas.messages import cut, shown
from dragoman.schemas.ogc_values import input_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dragoman.adapters.appstore.settings import Application
    from dragoman.model.process import JSON, InputSpec, Process

ATTRIBUTES: Final = "attributes"
"""The input that gets what is said of each file, where the configuration names none."""
MOST_ASSETS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBody:
    """What a client may say when it makes a task."""

    application: str | None = None
    parameters: Mapping[str, JSON]
    total: int | None = None


def read_body(body: JSON) -> TaskBody:
    """The body, which may be anything that the proposal leaves open; raises InvalidRequest where ours is wrong."""
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InvalidRequest(f"the body is {shown(body)}; allowed: nothing, or a JSON object")
    application, parameters = body.get("application"), body.get("parameters")
    if application is not None and not isinstance(application, str):
        raise InvalidRequest(f"application: got {shown(application)}; allowed: a name")
    if parameters is not None and not isinstance(parameters, dict):
        raise InvalidRequest(
            f"parameters: got {shown(parameters)}; allowed: an object, a value for each input"
        )
    total = body.get("assets_total")
    if total is not None and (
        isinstance(total, bool) or not isinstance(total, int) or not 1 <= total <= MOST_ASSETS
    ):
        raise InvalidRequest(
            f"assets_total: got {shown(total)}; allowed: a whole number from 1 to {MOST_ASSETS}"
        )
    return TaskBody(application=application, parameters=parameters or {}, total=total)


def plan_of(application: Application, process: Process, total: int | None) -> TaskPlan:
    """How a task of this application is put together; raises PackageError where its process cannot take files.

    Raises InvalidRequest for a total that the process does not take.
    """
    assets, attributes = assets_input(application, process), attributes_input(application, process)
    spec = process.inputs[assets]
    if total is not None and spec.max_occurs is not None and total > spec.max_occurs:
        raise InvalidRequest(f"assets_total: got {total}; allowed: at most {spec.max_occurs}")
    return TaskPlan(
        application=application.name,
        assets_input=assets,
        attributes_input=attributes,
        attributes_listed=attributes is not None and not process.inputs[attributes].repeatable,
        batch=application.assets_per_batch,
        most=spec.max_occurs,
        total=total,
        quiet_period=application.quiet_period,
        start_on_short_batch=application.start_on_short_batch,
        abandoned_after=application.abandoned_after,
        result_type=application.result_type,
    )


def misfits(applications: Mapping[str, Application], processes: Iterable[Process]) -> Iterator[str]:
    """What keeps an application from being a task, a line each; one whose process is not served is left out."""
    known = {process.id: process for process in processes}
    for application in applications.values():
        process = known.get(application.process)
        if process is None:
            continue  # that it is not served is told by itself
        try:
            request_of(application, process, plan_of(application, process, None), {})
        except PackageError as error:
            yield error.detail
            continue
        for name in application.parameters:
            if name not in process.inputs:
                yield _misfit(application, f"its process has no input '{cut(name)}' (parameters)").detail


def assets_input(application: Application, process: Process) -> str:
    """The input that the files are values of; raises PackageError."""
    name = application.assets_input
    if name is not None:
        if name in process.inputs:
            return name
        raise _misfit(application, f"its process has no input '{cut(name)}' (assets_input)")
    about = attributes_input(application, process)
    several = [spec.id for spec in process.inputs.values() if spec.repeatable and spec.id != about]
    if len(several) == 1:
        return several[0]
    many = (
        f"several take more than one value ({', '.join(several)})"
        if several
        else "none takes more than one value"
    )
    raise _misfit(application, f"assets_input is to name an input of its process, of which {many}")


def attributes_input(application: Application, process: Process) -> str | None:
    """The input that gets what is said of each file; None where there is none. Raises PackageError."""
    name = application.attributes_input
    if name is None:
        return ATTRIBUTES if ATTRIBUTES in process.inputs else None
    if name not in process.inputs:
        raise _misfit(application, f"its process has no input '{cut(name)}' (attributes_input)")
    return name


def request_of(
    application: Application, process: Process, plan: TaskPlan, parameters: Mapping[str, JSON]
) -> JobRequest:
    """The request as far as it is known; raises InputError for an input that no client may choose."""
    for name in parameters:
        if name in (plan.assets_input, plan.attributes_input):
            raise InputError(cut(name), "is made of the assets; allowed: other inputs of the process")
        if name in application.parameters:
            raise InputError(cut(name), "is fixed by the application; leave it out")
    values = {**parameters, **application.parameters}
    return JobRequest(
        inputs={name: _values(name, wire, process.inputs.get(name)) for name, wire in values.items()}
    )


def _values(name: str, wire: JSON, spec: InputSpec | None) -> tuple[InputValue, ...]:
    if isinstance(wire, list) and spec is not None and spec.repeatable:
        return tuple(input_value(name, item, spec) for item in wire)
    return (input_value(name, wire, spec),)


def _misfit(application: Application, problem: str) -> PackageError:
    """For the operator; a client learns only that the server has failed."""
    return PackageError(f"application '{application.name}': {problem}")
