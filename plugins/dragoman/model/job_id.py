"""What the id of a job looks like, in every dialect."""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_job_id(text: str) -> bool:
    """Whether a text can be the id of a job: a UUID, lower-case and hyphenated. Such a one is no path."""
    return _UUID.fullmatch(text) is not None
