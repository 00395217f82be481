"""A task: a job that is being put together from assets, files that its client names by URL; and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dragoman.model.principal import ANONYMOUS
from dragoman.model.process import JSON


class AssetState(StrEnum):
    """How far one asset has come; the last two are ends."""

    AWAITED = "awaited"
    """Is to be fetched, or is being fetched."""
    WHOLE = "whole"
    """Lies in the task's folder, all of it."""
    FAILED = "failed"
    """``Asset.reason`` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of a task."""

    number: int
    """Its place among all of its task, from 0."""
    file_name: str
    """What its client calls it, as it may name a file: no folder, no control characters, like no other's."""
    url: str
    attributes: Mapping[str, JSON] = field(default_factory=dict)
    """What its client says of it."""
    sent_name: str
    """What its client calls it."""
    state: AssetState = AssetState.AWAITED
    media_type: str = ""
    """As the server that it came from said; empty where nothing was said."""
    size: int = 0
    """Bytes, once it is whole."""
    sha256: str = ""
    """In hex, once it is whole."""
    reason: str = ""
    """Why it failed, in words that are safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """What becomes of a task's assets; settled when the task is made, whatever the configuration says later."""

    application: str
    """The name of the application that its client chose."""
    assets_input: str
    """The input that the files are values of."""
    attributes_input: str | None = None
    """The input that gets one object for each file, in the same order; None: none does."""
    attributes_listed: bool = False
    """Whether those objects are one value, a list, rather than a value each."""
    batch: int = 10
    """Assets that may come at once."""
    most: int | None = None
    """Assets that the process takes; None: any number."""
    total: int | None = None
    """Assets that are to come in all; None: the client did not say."""
    quiet_period: float = 30.0
    """Seconds without a new asset after which the task starts, if the total is not known."""
    start_on_short_batch: bool = False
    """Whether it starts at once when a batch came that has room for more."""
    abandoned_after: float = 86400.0
    """Seconds after which a task is given up to which no asset comes."""
    result_type: str = "auto"
    """How its result is sent: ``auto``, ``JSON``, ``STREAM``, ``WEBSITE``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task as it is stored, beside the job of the same id. All times are UTC and aware."""

    id: str
    plan: TaskPlan
    created: datetime
    fed: datetime | None = None
    """When its last assets were announced."""
    short: bool = False
    """Whether a batch had room for more."""
    owner: str = ANONYMOUS.id
    """Whose it is: the id of its job's principal, which is stored with the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How far the assets of a task have come."""

    announced: int = 0
    whole: int = 0
    failed: int = 0
    settled: datetime | None = None
    """When the last of them came to its end."""

    @property
    def percent(self) -> int:
        """Of those that were announced, how many have come to their end; 0 where there are none."""
        return 100 * (self.whole + self.failed) // self.announced if self.announced else 0

    @property
    def awaited(self) -> int:
        """How many have not."""
        return self.announced - self.whole - self.failed
