"""CCP's reserved inputs, which every process takes that does not declare them. Pure.

Their numbers may be texts: R sends ``"ccpreplicas": "1"``.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from dragoman.errors import InputError
from dragoman.schemas.messages import shown
from dragoman.web.reserved_inputs import ReservedInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.process import JSON, Process

MOST_REPLICAS: Final = 16
"""Runs of one job."""
LONGEST: Final = 10**9
"""Seconds, of ``ccpmaxtime``."""
NOTE: Final = 10_000
"""Characters of ``ccpnote``."""
IMAGE: Final = 1000
"""Characters of ``ccpimage``."""
_NUMBER: Final = re.compile(r"\s*[0-9]{1,10}(\.[0-9]{1,9})?\s*", re.ASCII)


def _number(value: JSON) -> float:
    """The number that a number, or the text of one, is; NaN for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _max_time(value: JSON, process: Process) -> None:
    if not 0 < _number(value) <= LONGEST:
        raise InputError("ccpmaxtime", f"got {shown(value)}; allowed: seconds, more than 0 and at most 1e9")


def _replicas(value: JSON, process: Process) -> None:
    if _number(value) not in range(1, MOST_REPLICAS + 1):
        raise InputError(
            "ccpreplicas", f"got {shown(value)}; allowed: whole numbers from 1 to {MOST_REPLICAS}"
        )


def _note(value: JSON, process: Process) -> None:
    if not isinstance(value, str) or len(value) > NOTE:
        raise InputError("ccpnote", f"got {shown(value)}; allowed: a text of at most {NOTE} characters")


def runtimes(process: Process) -> Sequence[str]:
    """The runtimes that a process lists (``dialects: {ccp: {runtimes: [...]}}``); empty: it lists none."""
    hints = process.dialects.get("ccp")
    listed = hints.get("runtimes") if isinstance(hints, dict) else None
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def _image(value: JSON, process: Process) -> None:
    allowed = runtimes(process)
    if allowed and value not in allowed:
        raise InputError("ccpimage", f"got {shown(value)}; allowed: {', '.join(allowed)}")
    if not isinstance(value, str) or len(value) > IMAGE:
        raise InputError("ccpimage", f"got {shown(value)}; allowed: a text of at most {IMAGE} characters")


def _image_schema(process: Process) -> Mapping[str, JSON]:
    listed = runtimes(process)
    return {"type": "string", **({"enum": list(listed), "default": listed[0]} if listed else {})}


RESERVED: Final = (
    ReservedInput(
        id="ccpimage",
        title="Runtime",
        description="What it is to run under; kept with the job.",
        schema=_image_schema,
        check=_image,
    ),
    ReservedInput(
        id="ccpreplicas",
        title="Replicas",
        description="How often it is to run, one run after another. Of two or more, each output is a list of files. "
        "CCP_TASK_ID and ccptaskid in its environment hold the number of a run, from 0.",
        schema=lambda process: {"type": "integer", "minimum": 1, "maximum": MOST_REPLICAS, "default": 1},
        check=_replicas,
        numbers_runs=("CCP_TASK_ID", "ccptaskid"),
    ),
    ReservedInput(
        id="ccpmaxtime",
        title="Maximum time",
        description="Seconds that it may run; then it fails.",
        schema=lambda process: {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": LONGEST},
        check=_max_time,
        limits_time=True,
    ),
    ReservedInput(
        id="ccpnote",
        title="Note",
        description="Kept with the job.",
        schema=lambda process: {"type": "string", "maxLength": NOTE},
        check=_note,
    ),
)
