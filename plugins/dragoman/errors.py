"""Every error that dragoman raises on purpose, in one tree, with stable codes and no HTTP numbers.

    DragomanError
    ├── SettingsError            the operator's YAML is wrong; the server does not start
    ├── PackageError             a packaged algorithm is broken; the rest is served
    ├── RequestError             the caller's mistake
    │   ├── InvalidRequest           the body is not what it should be
    │   │   ├── InvalidQueryParameter, MisplacedToken
    │   │   └── InvalidRenderer           how a map is to be coloured cannot be read
    │   ├── InvalidInputs            one or more inputs are wrong; each is named
    │   │   └── InputError               one input is wrong; what an algorithm raises
    │   ├── UnsupportedMediaType, PayloadTooLarge, MethodNotAllowed
    │   ├── RangeNotSatisfiable, PreconditionFailed
    │   ├── Unauthorized             no token
    │   │   └── InvalidToken             one that is not good
    │   ├── Forbidden                (Origin, peer)
    │   │   └── InsufficientScope        a good token that does not allow this
    │   ├── IdempotencyConflict
    │   └── TaskConflict             the task is past that, or knows another file by that name
    ├── NotFound
    │   ├── NoSuchProcess, NoSuchJob, NoSuchOutput, NoSuchPage, NoSuchSession, NoSuchService, NoSuchTask
    │   └── ResultNotReady, ResultNotAvailable
    ├── Unavailable              try again later
    │   └── QueueFull, DiskFull
    ├── IllegalTransition        a job cannot go from here to there
    ├── JobUnreadable            what the store holds of a job is damaged
    ├── MapUnreadable            the file that a map is drawn from is damaged
    ├── DatasetError             a session's configuration, manifest or record is wrong
    │   └── DatasetFieldError        a member of the configuration is missing, or of another type
    └── ExecutionError           the job's own failure
        ├── AlgorithmError, OutputError
        └── TimedOut, OutOfMemory, WorkerLost

``web/problems.py`` holds the one table from these classes to HTTP; a test keeps the two together.
The class docstring's first line is the default message.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PROBLEMS: Final = 20
"""Wrong inputs that are named of one request; who has more of them is helped by none."""


class DragomanError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or (type(self).__doc__ or "").split("\n", 1)[0]
        super().__init__(self.detail)


class SettingsError(DragomanError):
    """The configuration is wrong.

    ``detail`` is one line: the file, the key, what is wrong and what is allowed.
    """

    code = "settings"


class PackageError(DragomanError):
    """The package cannot be loaded.

    ``detail`` is one line that names file, line and key.
    """

    code = "package"


class RequestError(DragomanError):
    """The request cannot be accepted."""

    code = "invalid-request"


class InvalidRequest(RequestError):
    """The request is malformed."""


class InvalidQueryParameter(InvalidRequest):
    """A query parameter has a value that is not allowed."""

    code = "invalid-query-parameter-value"


class InvalidRenderer(InvalidRequest):
    """The renderer cannot be read.

    ``place`` is where in it, ``colors[1]`` say; empty for all of it.
    """

    code = "invalid-renderer"

    def __init__(self, problem: str = "", place: str = "") -> None:
        self.place = place
        super().__init__(f"{place}: {problem}" if place else problem)


class MisplacedToken(InvalidRequest):
    """The token was not sent as it should be."""

    code = "misplaced-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputProblem:
    """What is wrong with one input."""

    input_id: str
    """The input's id, as declared or as sent."""
    message: str
    """What was given and what is allowed; free of local paths."""

    def __str__(self) -> str:
        return f"input '{self.input_id}': {self.message}"


class InvalidInputs(RequestError):
    """One or more inputs are not what the process accepts.

    ``problems`` names each, the first MOST_PROBLEMS of them; ``detail`` joins them, and says how many ``more``
    are known, besides those given, to be there.
    """

    code = "invalid-inputs"

    def __init__(self, problems: Iterable[InputProblem], *, more: int = 0) -> None:
        remaining = iter(problems)
        self.problems = tuple(islice(remaining, MOST_PROBLEMS))
        self.more = more + sum(1 for _ in remaining)
        words = [str(problem) for problem in self.problems]
        super().__init__("; ".join([*words, f"and {self.more:,} more"] if self.more else words))


class InputError(InvalidInputs):
    """One input is wrong: ``InputError("red", "no overlap with nir")``.

    The public way for an algorithm to say that the caller is at fault.
    """

    def __init__(self, input_id: str, message: str) -> None:
        super().__init__([InputProblem(input_id=input_id, message=message)])

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        problem = self.problems[0]
        return type(self), (problem.input_id, problem.message)


class UnsupportedMediaType(RequestError):
    """The body has a media type that is not accepted here."""

    code = "unsupported-media-type"


class PayloadTooLarge(RequestError):
    """The body is larger than this server accepts."""

    code = "payload-too-large"


class RangeNotSatisfiable(RequestError):
    """The byte range lies outside the result."""

    code = "range-not-satisfiable"


class PreconditionFailed(RequestError):
    """The result is not the one that If-Match or If-Unmodified-Since asks for."""

    code = "precondition-failed"


class MethodNotAllowed(RequestError):
    """The method is not allowed here."""

    code = "method-not-allowed"


class Unauthorized(RequestError):
    """This needs a valid token.

    ``challenge`` tells the client how to come by one (RFC 9110, 11.6.1), for instance ``Bearer realm="geo"``;
    empty: as RFC 6750 has it. ``hints`` are sentences for whoever meets this in a browser.
    """

    code = "unauthorized"

    def __init__(self, detail: str = "", *, challenge: str = "", hints: Iterable[str] = ()) -> None:
        self.challenge = challenge
        self.hints = tuple(hints)
        super().__init__(detail)


class InvalidToken(Unauthorized):
    """The token is not good."""

    code = "invalid-token"


class Forbidden(RequestError):
    """This is not allowed from here."""

    code = "forbidden"


class InsufficientScope(Forbidden):
    """The token does not allow this.

    ``scopes`` are those that the token would need, if it is scopes that it lacks.
    """

    code = "insufficient-scope"

    def __init__(self, detail: str = "", *, scopes: Iterable[str] = ()) -> None:
        self.scopes = tuple(scopes)
        super().__init__(detail)


class IdempotencyConflict(RequestError):
    """The Idempotency-Key was used for another request."""

    code = "idempotency-conflict"


class TaskConflict(RequestError):
    """The task cannot take this as it is now."""

    code = "task-conflict"


class NotFound(DragomanError):
    """There is nothing here."""

    code = "not-found"


class NoSuchPage(NotFound):
    """There is no such page."""


class NoSuchProcess(NotFound):
    """There is no such process."""

    code = "no-such-process"


class NoSuchJob(NotFound):
    """There is no such job."""

    code = "no-such-job"


class NoSuchSession(NotFound):
    """There is no such session."""

    code = "no-such-session"


class NoSuchService(NotFound):
    """There is no such map service."""

    code = "no-such-service"


class NoSuchOutput(NotFound):
    """The process has no such output."""

    code = "no-such-output"


class NoSuchTask(NotFound):
    """There is no such task."""

    code = "no-such-task"


class ResultNotReady(NotFound):
    """The results are not ready."""

    code = "result-not-ready"


class ResultNotAvailable(NotFound):
    """This result is no longer available."""

    code = "result-not-available"


class Unavailable(DragomanError):
    """The server cannot do this just now."""

    code = "unavailable"

    def __init__(self, detail: str = "", *, retry_after: int = 5) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class QueueFull(Unavailable):
    """The queue is full; try again later."""

    code = "queue-full"


class DiskFull(Unavailable):
    """There is not enough free disk to take jobs; try again later."""

    code = "disk-full"


class IllegalTransition(DragomanError):
    """The job cannot go from its state to that one."""

    code = "illegal-transition"


class JobUnreadable(DragomanError):
    """What is stored of the job cannot be read."""

    code = "job-unreadable"


class MapUnreadable(DragomanError):
    """The file that this map is drawn from cannot be read."""

    code = "map-unreadable"


class DatasetError(DragomanError):
    """The dataset session cannot be had as it is configured.

    ``detail`` begins as aeon's own service words it, and may say more: the line, the column, what is allowed.
    """

    code = "dataset"


class DatasetFieldError(DatasetError):
    """A member of the session's configuration is missing, or is not of its type."""

    code = "dataset-field"


class ExecutionError(DragomanError):
    """The job failed."""

    code = "execution-failed"


class AlgorithmError(ExecutionError):
    """The algorithm raised an error."""


class OutputError(ExecutionError):
    """The algorithm did not return what its process declares."""

    code = "invalid-output"


class TimedOut(ExecutionError):
    """The job ran longer than its timeout."""

    code = "timed-out"


class OutOfMemory(ExecutionError):
    """The job ran out of memory."""

    code = "out-of-memory"


class WorkerLost(ExecutionError):
    """The worker process died."""

    code = "worker-lost"
