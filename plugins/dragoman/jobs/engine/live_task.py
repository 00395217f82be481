"""A task as the supervisor has it in memory while its job is being put together."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from dragoman.errors import InvalidRequest, TaskConflict
from dragoman.jobs.engine.file_names import FileNames
from dragoman.model.task import Asset, Tally, Task
from dragoman.schemas.messages import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from dragoman.model.process import JSON

MOST_ASSETS: Final = 100_000
"""Of one task, where its process sets no limit."""
MOST_SAID: Final = 16 * 1024**2
"""Bytes of the URLs and attributes of one task, as JSON: all are in memory when it starts, and many times as large."""
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}", re.ASCII)


@dataclass(eq=False, slots=True, kw_only=True)
class LiveTask:
    """Its row, how far its assets have come, and those that are still awaited."""

    task: Task
    tally: Tally = field(default_factory=Tally)
    sent_names: dict[str, int] = field(default_factory=dict)
    """The number of each asset, by what its client calls it."""
    file_names: FileNames = field(default_factory=FileNames)
    """What its files are called."""
    said: int = 0
    """Bytes of their URLs and attributes."""
    awaited: dict[int, Asset] = field(default_factory=dict)
    """Assets that have not come to their end, by number."""
    due: datetime | None = None
    """When it is looked at next, whatever happens until then."""

    @property
    def id(self) -> str:
        """The task's."""
        return self.task.id

    def know(self, asset: Asset) -> None:
        """Know the names of an asset that is stored, and how much was said of it."""
        self.said += said_of(asset)
        self.sent_names[asset.sent_name] = asset.number
        self.file_names.add(asset.file_name)

    def settle(self, moment: datetime, *, whole: bool) -> None:
        """An asset has come to its end."""
        tally = self.tally
        self.tally = replace(
            tally, whole=tally.whole + whole, failed=tally.failed + (not whole), settled=moment
        )


def new_assets(
    live: LiveTask, batch: Sequence[Mapping[str, JSON]], stored: Callable[[int], Asset]
) -> list[Asset]:
    """The assets of a batch that the task does not have yet; ``stored`` looks one up by its number.

    What is repeated as it was is passed over. Raises TaskConflict for a name that stands for another file, and
    InvalidRequest for more assets than there may be.
    """
    assets: dict[str, Asset] = {}
    names = FileNames(live.file_names)
    for sent in batch:
        name = sent["file_name"]
        if name in assets or name in live.sent_names:
            known = assets[name] if name in assets else stored(live.sent_names[name])
            if (known.url, dict(known.attributes)) != (sent["url"], sent["attributes"]):
                raise TaskConflict(
                    f"'{cut(name)}' is the name of another asset of this task already: give each its own name"
                )
            continue
        file_name = names.unlike(sent["safe_name"])
        names.add(file_name)
        assets[name] = Asset(
            number=live.tally.announced + len(assets),
            file_name=file_name,
            sent_name=name,
            url=sent["url"],
            attributes=sent["attributes"],
        )
    _check_number(live, len(assets))
    said = live.said + sum(map(said_of, assets.values()))
    if said > MOST_SAID:
        raise InvalidRequest(
            f"these would make {said} bytes of URLs and attributes; allowed: at most {MOST_SAID} of one task"
        )
    return list(assets.values())


def said_of(asset: Asset) -> int:
    """Bytes of the URL and the attributes of an asset."""
    return len(asset.url) + len(json.dumps(dict(asset.attributes)))


def _check_number(live: LiveTask, new: int) -> None:
    plan, number = live.task.plan, live.tally.announced + new
    if plan.total is not None and number > plan.total:
        raise InvalidRequest(f"these would make {number} assets; allowed: assets_total is {plan.total}")
    most = MOST_ASSETS if plan.most is None else plan.most
    if number > most:
        raise InvalidRequest(f"these would make {number} assets; allowed: at most {most} of one task")


def stored_name(asset: Asset) -> str:
    """What an asset's file is called here: its number, and the ending that tells some readers what is in it."""
    dot = asset.file_name.rfind(".")
    ending = asset.file_name[dot:] if dot > 0 else ""
    return f"{asset.number:06d}{ending.lower() if _SUFFIX.fullmatch(ending) else ''}"
