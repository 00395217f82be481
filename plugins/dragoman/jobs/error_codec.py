"""Errors as JSON and back, for the wire between the supervisor and server processes; by their stable codes.

What comes back is the class that introduced the code: ``NoSuchPage``, which has its parent's, comes back as
``NotFound``. Code, detail and whatever else an error carries stay the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragoman import errors
from dragoman.errors import (
    DragomanError,
    InputProblem,
    InvalidInputs,
    InvalidRequest,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON


def dump_error(error: DragomanError) -> dict[str, JSON]:
    """An error as JSON."""
    data: dict[str, JSON] = {"code": error.code, "detail": error.detail}
    if isinstance(error, Unavailable):
        data["retry_after"] = error.retry_after
    if isinstance(error, InvalidInputs):
        data["problems"] = [[problem.input_id, problem.message] for problem in error.problems]
        data["more"] = error.more
    return data


def load_error(data: Mapping[str, Any]) -> DragomanError:
    """The inverse of dump_error; a code that is unknown here becomes a DragomanError with the same detail."""
    code = data["code"]
    if code == InvalidInputs.code:
        problems = [InputProblem(input_id=name, message=message) for name, message in data["problems"]]
        return InvalidInputs(problems, more=data["more"])
    cls = _classes().get(code, DragomanError)
    if issubclass(cls, Unavailable):
        return cls(data["detail"], retry_after=data["retry_after"])
    return cls(data["detail"])


def _classes() -> dict[str, type[DragomanError]]:
    """Each code's class: the one that introduced it."""
    tree = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, DragomanError)]
    introduced = {cls.code: cls for cls in tree if "code" in vars(cls)}
    # RequestError only sorts; it is InvalidRequest that is raised, and caught by name.
    return {**introduced, InvalidRequest.code: InvalidRequest}
