"""Which form of an answer a request asks for, by ``f`` and Accept (contract: ogc.md, core).

HTML where ``f=html``, or where Accept names text/html and also application/xhtml+xml (as browsers do), or
text/html and no wildcard; else JSON, or the result itself. Nothing is ever refused with 406.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from dragoman.errors import InvalidQueryParameter

if TYPE_CHECKING:
    from collections.abc import Mapping

type Form = Literal["json", "html"]

FORMS: Final[tuple[Form, ...]] = ("json", "html")


def form_of(f: str | None, accept: str) -> Form:
    """The form of an answer; InvalidQueryParameter for an ``f`` that is not one of FORMS."""
    if f is None:
        return "html" if wants_html(accept) else "json"
    for form in FORMS:
        if f.lower() == form:
            return form
    raise InvalidQueryParameter(f"parameter 'f': {f[:100]!r} is not known; allowed: {', '.join(FORMS)}")


def wants_html(accept: str) -> bool:
    """Whether Accept asks for a page; JSON that is named first, or with more weight, goes before it."""
    ranges = accepted(accept)
    if ranges.get("text/html", 0) <= 0:
        return False
    if ranges.get("application/xhtml+xml", 0) > 0:
        return True
    if any("*" in name for name in ranges):
        return False
    return not _before(ranges, "application/json", "text/html")


def wants_plain_json(accept: str) -> bool:
    """Whether a problem is to be sent as exactly application/json, because only that was asked for."""
    ranges = accepted(accept)
    return ranges.get("application/json", 0) > 0 and "application/problem+json" not in ranges


def wants_only_json(form: str | None, accept: str) -> bool:
    """Whether ``f`` or, without it, Accept asks for application/json and for nothing else."""
    if form is not None:
        return form == "json"
    ranges = accepted(accept)
    return ranges.keys() == {"application/json"} and ranges["application/json"] > 0


def accepted(accept: str) -> Mapping[str, float]:
    """The media ranges of an Accept header with their weights 0..1, in order; never raises.

    Parameters other than q are dropped; a weight that is no number counts as 1.
    """
    ranges: dict[str, float] = {}
    for item in accept.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if name:
            ranges.setdefault(name.lower(), _weight(parameters))
    return ranges


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                return max(0.0, min(1.0, float(value)))
            except ValueError:
                return 1.0
    return 1.0


def _before(ranges: Mapping[str, float], one: str, other: str) -> bool:
    """Whether ``one`` is preferred to ``other``: by weight, then by order."""
    if one not in ranges:
        return False
    names = list(ranges)
    return (-ranges[one], names.index(one)) < (-ranges[other], names.index(other))
