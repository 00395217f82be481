"""Whether a file that was cut off can go on where it was (RFC 9110, 13.1.5 and 14.2); nothing is read or sent here.

It can if the server named the representation by a strong validator and names the same one again; else what is there
already may be of another content, and all of it is fetched anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SETTLED: Final = 60.0
"""Seconds by which Last-Modified must be before Date: within them a file may change twice and keep its date."""
_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]{0,1000}"')
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is known of a file that is being fetched; its bytes so far are those of one representation."""

    url: str
    """As it was asked for."""
    etag: str | None = None
    """Strong."""
    last_modified: str | None = None
    """As the server wrote it; only where there is no ETag, and old enough to be strong."""
    total: int | None = None
    """Bytes of the whole file, where the server said it."""
    media_type: str | None = None
    """Lower-case, without parameters."""

    @property
    def validator(self) -> str | None:
        """What If-Range carries; None where the file cannot be resumed."""
        return self.etag or self.last_modified


class Reading(Enum):
    """What the body of an answer is."""

    AFRESH = "the whole file"
    REST = "what is missing"
    USELESS = "nothing that fits: what is there has to be given up"
    REFUSAL = "not the file"


def note_of(url: str, headers: Mapping[str, str]) -> Note:
    """What the headers of a 200 tell of its body.

    A packed body is unpacked on the way: what is on disk then is no part of what a Range would count.
    """
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower() or None
    if packed(headers):
        return Note(url=url, media_type=media_type)
    etag, length = headers.get("ETag"), headers.get("Content-Length", "")
    strong = etag is not None and _STRONG.fullmatch(etag) is not None
    return Note(
        url=url,
        etag=etag if strong else None,
        last_modified=_settled(headers) if etag is None else None,
        total=int(length) if length.isdecimal() and len(length) < 20 else None,
        media_type=media_type,
    )


def asking(note: Note | None, size: int) -> dict[str, str]:
    """The headers that ask for what comes after the first ``size`` bytes; none where all has to come anew."""
    if note is None or note.validator is None or size == 0:
        return {}
    return {"Range": f"bytes={size}-", "If-Range": note.validator}


def reading(status: int, headers: Mapping[str, str], note: Note | None, size: int) -> Reading:
    """What an answer to a request with ``asking(note, size)`` holds."""
    if status == 200:
        return Reading.AFRESH
    if note is None or not asking(note, size) or status not in (206, 416):
        return Reading.REFUSAL
    return Reading.REST if status == 206 and _continues(headers, note, size) else Reading.USELESS


def total_of(headers: Mapping[str, str]) -> int:
    """Bytes of the whole file, of an answer that is REST."""
    return int(headers["Content-Range"].rpartition("/")[2])


def packed(headers: Mapping[str, str]) -> bool:
    """Whether the body is compressed on its way."""
    return headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")


def _continues(headers: Mapping[str, str], note: Note, size: int) -> bool:
    """Whether a 206 begins where we are, in the very representation that we have."""
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None or packed(headers):
        return False
    same = (
        headers.get("ETag") == note.etag if note.etag else headers.get("Last-Modified") == note.last_modified
    )
    start, end = int(match[1]), int(match[2])
    if not same or start != size or end < start:
        return False
    return end < int(match[3]) and note.total in (None, int(match[3]))


def _settled(headers: Mapping[str, str]) -> str | None:
    """Last-Modified, if it is a strong validator (RFC 9110, 8.8.2.2)."""
    modified, date = _date(headers.get("Last-Modified")), _date(headers.get("Date"))
    if modified is None or date is None or (date - modified).total_seconds() < SETTLED:
        return None
    return headers["Last-Modified"]


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text and text.isascii() and text.isprintable() else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
