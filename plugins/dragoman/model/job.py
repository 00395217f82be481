"""A job: one execution of one process, in whatever dialect it was asked for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, Literal

from dragoman.model.principal import ANONYMOUS, Principal
from dragoman.model.process import JSON, Mode, Runtime
from dragoman.model.renderer import Renderer
from dragoman.model.roi import Roi
from dragoman.model.service_step import ServiceStep
from dragoman.model.status import JobStatus
from dragoman.model.worker import WorkerIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class InputValue:
    """One value of one input, as it was sent: inline (``value``) or by reference (``href``)."""

    value: JSON = None
    """The inline value; base64 text where ``encoding`` says so."""
    href: str | None = None
    """http, https, data, file or service URL; then ``value`` is None."""
    kept: str | None = None
    """Name of a file that was gathered for the job, in the folder of these; no client can say it."""
    media_type: str | None = None
    encoding: str | None = None
    schema: JSON = None
    """What the qualified form said of its schema."""
    service: ServiceStep | None = None
    """What a reference to a map service was resolved to; ``href`` stays as it was sent."""

    @property
    def by_reference(self) -> bool:
        """Whether the value is elsewhere: to be fetched, or in a file that is there already."""
        return self.href is not None or self.kept is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRequest:
    """How one output was asked for."""

    media_type: str | None = None
    """``image/png`` of a raster: a PNG where that can hold it (1 to 3 bands of uint8 or uint16), else a GeoTIFF."""
    transmission: Literal["value", "reference"] | None = None
    """None: the client did not say."""
    as_lists: bool = False
    """Whether a small raster is wanted as nested lists as well (``Output.lists``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Where a client wants to be told (conformance class callback)."""

    success_uri: str | None = None
    in_progress_uri: str | None = None
    failed_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """How often a job runs its program, one run after another."""

    count: int
    """From 1; of two or more, each output is a list of files, one or more a run."""
    variables: tuple[str, ...] = ()
    """Environment variables that hold the number of a run, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What was asked, in the core's own words; an adapter translates into it."""

    inputs: Mapping[str, tuple[InputValue, ...]] = field(default_factory=dict)
    """By input id; one value or, for a repeatable input, several, in order."""
    outputs: Mapping[str, OutputRequest] | None = None
    """The outputs wanted; None is all."""
    response: Literal["raw", "document"] = "raw"
    publish: Mapping[str, Renderer] = field(default_factory=dict)
    """The outputs that are to be map services when the job has succeeded, and how they are coloured; by output id."""
    publish_rasters_alone: bool = False
    """Whether one of ``publish`` that turns out to be no raster is left as it is, and does not fail the job."""
    subscriber: Subscriber | None = None
    roi: Roi | None = None
    """Crops the images that are read."""
    reserved: Mapping[str, JSON] = field(default_factory=dict)
    """Inputs that every process takes, as they were sent: about the run, not for the algorithm (CCP's ``ccpnote``)."""
    notes: Mapping[str, JSON] = field(default_factory=dict)
    """What its dialect has to know of the request to tell its client again, as ncdjango's name of the job; small."""
    replicas: Replicas | None = None
    """None: it runs once, and is told no number."""
    repeats: str | None = None
    """The id of the job that this one runs again; None: of none."""
    spooled: bool = False
    """Whether ``inputs`` lie in the result store (too large for the job's row) and are empty here."""
    text: str | None = field(default=None, init=False, compare=False, repr=False)
    """Its JSON once that was made or read, by ``json_codec``: row and worker get it as it is. No copy has it."""

    @property
    def gathered(self) -> bool:
        """Whether an input is a file that was gathered for the job; of a spooled request that is not known here."""
        return any(value.kept is not None for values in self.inputs.values() for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One result: a small JSON value kept with the job, a file of the result store, or a list of files."""

    id: str
    media_type: str
    value: JSON = None
    """The value, where ``file`` is None and there are no ``items``."""
    file: str | None = None
    """Name of the file, relative to the job's outputs; never a path of the machine."""
    size: int | None = None
    """Bytes of the file."""
    sha256: str | None = None
    """Of the file, in hex; None until somebody has asked for it."""
    lists: JSON = None
    """The values of a raster that is a file, as nested lists, where they were asked for and are few enough."""
    items: tuple[Output, ...] = ()
    """Of an output that is a list of files: each with its own file and with the list's id, in order.

    One whose file is None has been deleted.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailure:
    """Why a job failed, in words that are safe to show to a client."""

    code: str
    """The code of the error class (``errors.py``)."""
    detail: str
    problems: tuple[tuple[str, str], ...] = ()
    """(input id, message) where the caller's inputs were at fault; such a failure is a 400."""

    @property
    def callers_fault(self) -> bool:
        """Whether another input would have helped."""
        return bool(self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as the store holds it. All times are UTC and aware."""

    id: str
    """uuid4, lower-case, hyphenated; the same in every dialect."""
    process_id: str
    process_version: str
    runtime: Runtime
    dialect: str = ""
    """The dialect that the request came in; empty: none."""
    principal: Principal = ANONYMOUS
    request: JobRequest = JobRequest()
    mode: Mode = "async"
    """How the client waits; a sync job goes first in the queue."""
    priority: int = 0
    """Higher goes first; within one priority the order of acceptance holds."""
    timeout: float | None = None
    """Seconds for one run."""
    status: JobStatus = JobStatus.ACCEPTED
    progress: int = 0
    """0..100, never falling within one attempt."""
    message: str = ""
    created: datetime
    started: datetime | None = None
    """Start of the latest attempt."""
    finished: datetime | None = None
    updated: datetime
    attempts: int = 0
    """Runs begun, the present one included. A crash of the database may forget one, and its number comes again."""
    token: str = ""
    """Of the latest claim, never the same twice: whoever writes for another run is refused. Empty before the first."""
    restarts: int = 0
    """Runs that ended with the death of the supervisor or the server, which are not the job's fault."""
    worker: WorkerIdentity | None = None
    """Who runs, or last ran, it."""
    lease_until: datetime | None = None
    """While running: the moment from which, unrenewed, another may run the job again."""
    outputs: Mapping[str, Output] = field(default_factory=dict)
    """By output id, once successful; a deleted output is missing."""
    failure: JobFailure | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""
    """Hash of the request, to tell a repetition from another request under the same key."""
    request_as_sent: str | None = None
    """The request's text as the client sent it, where the dialect wants it back. ``JobStore.get`` alone reads it."""

    def evolve(self, **changes: Any) -> Job:
        """A copy with some fields changed; every job is copied several times, which ``replace`` is slow at."""
        return Job(**{**self.fields(), **changes})

    def fields(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(zip(Job.__slots__, _FIELDS(self), strict=True))

    def changing(self) -> dict[str, Any]:
        """The fields that a run changes: whoever has the job as it was accepted knows all the others."""
        return {name: getattr(self, name) for name in CHANGING}

    @staticmethod
    def claim_changes(worker: WorkerIdentity, now: datetime, lease: float) -> dict[str, Any]:
        """All that a claim for ``lease`` seconds sets, but for ``attempts``, which is one higher."""
        return {
            "status": JobStatus.RUNNING,
            "worker": worker,
            "token": uuid.uuid4().hex,
            "started": now,
            "updated": now,
            "lease_until": now + timedelta(seconds=lease),
            "progress": 0,
            "message": "",
        }

    def claimed_by(self, worker: WorkerIdentity, now: datetime, lease: float) -> Job:
        """An accepted job as it is once a worker has claimed it, for ``lease`` seconds."""
        return self.evolve(attempts=self.attempts + 1, **self.claim_changes(worker, now, lease))

    def outputs_without(self, output_id: str, item: int | None = None) -> dict[str, Output]:
        """The outputs but one; or with one place of its list empty, so that the others keep theirs."""
        if item is None:
            return {name: output for name, output in self.outputs.items() if name != output_id}
        output = self.outputs[output_id]
        items = [
            replace(each, file=None, size=None, sha256=None) if place == item else each
            for place, each in enumerate(output.items)
        ]
        return {**self.outputs, output_id: replace(output, items=tuple(items))}

    def outputs_with_sha256(self, output_id: str, item: int | None, sha256: str) -> dict[str, Output]:
        """The outputs, with the SHA-256 of one's file, or of one file of its list; they must be there."""
        output = self.outputs[output_id]
        if item is None:
            return {**self.outputs, output_id: replace(output, sha256=sha256)}
        items = list(output.items)
        items[item] = replace(items[item], sha256=sha256)
        return {**self.outputs, output_id: replace(output, items=tuple(items))}


_FIELDS: Final = attrgetter(*Job.__slots__)

CHANGING: Final = (
    "status",
    "progress",
    "message",
    "started",
    "finished",
    "updated",
    "attempts",
    "token",
    "restarts",
    "worker",
    "lease_until",
    "outputs",
    "failure",
)
"""Fields of a job that change after it is accepted."""

REPORTED: Final = ("progress", "message")
"""Fields that change between the claim of a run and its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs to list; all conditions hold together, newest first. Listed jobs carry no request."""

    process_ids: tuple[str, ...] = ()
    """Any of these; empty is all."""
    statuses: tuple[JobStatus, ...] = ()
    created_from: datetime | None = None
    """Inclusive."""
    created_to: datetime | None = None
    """Inclusive."""
    finished_before: datetime | None = None
    """Exclusive; jobs that have not finished do not match."""
    min_duration: float | None = None
    """Seconds from start to finish (or to now, while running); inclusive."""
    max_duration: float | None = None
    """Seconds; inclusive."""
    dialect: str | None = None
    owner: str | None = None
    """A principal's id; None is everybody's."""
    drafts: bool = True
    """Whether jobs that are being put together are listed too."""
    limit: int = 100
    offset: int = 0
    """How many to leave out, unless ``after`` says where to go on."""
    after: int | None = None
    """Go on after the job that a page ended with: its ``key``. So none is left out or repeated in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """One page of a list."""

    jobs: tuple[Job, ...]
    matched: int
    """How many jobs match in all."""
    key: int | None = None
    """Where the next page goes on (``JobQuery.after``); None where this is the last."""
