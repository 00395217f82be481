"""One page for each kind of answer: all of its data, all of its links, no scripts, nothing from elsewhere.

``render`` takes the very document that the JSON answer carries (OGC 18-062r2), so that the two never differ.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dragoman.web.html import execute, values

if TYPE_CHECKING:
    from dragoman.model.process import JSON

HERE: Final = Path(__file__).parent

PAGES: Final = (
    "landing",
    "conformance",
    "processes",
    "process",
    "jobs",
    "job",
    "results",
    "openapi",
    "stubs",
    "problem",
)
"""The pages there are, one template each."""

ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?")
"""What a Content-Security-Policy can name; it knows no IPv6 address."""

COMMAND_LENGTH: Final = 100_000
"""Characters of an example up to which it is written out in a command; Linux takes 128 KiB as one word of it.

Small rasters go in as base64: a command with a placeholder in their place would not work as pasted.
"""


def render(
    page: str,
    *,
    title: str,
    data: JSON,
    links: Sequence[Mapping[str, JSON]],
    base_url: str,
    site: str = "dragoman",
    example: JSON = None,
    job_id: str | None = None,
    hints: Sequence[str] = (),
    stubs: Sequence[Mapping[str, JSON]] = (),
    program: str = "",
) -> str:
    """One page as HTML text.

    ``data`` is the JSON document of the same answer; its own ``links`` are shown with ``links``, each once.
    ``base_url`` is the public URL of the landing page, with or without its last slash. Raises ValueError for
    a page that is not one of PAGES. ``site`` is the server's name in the header; ``example``, of a process, an
    execute request that may be sent as it is (None: made from the inputs); ``job_id``, of results, their job;
    ``hints``, of a problem, what can be done; ``stubs``, of a process, the programs that run it, of which ``program``
    is one.
    """
    if page not in PAGES:
        raise ValueError(f"there is no page '{page}'; pages: {', '.join(PAGES)}")
    base, all_links = base_url.rstrip("/"), _links(data, links)
    context = {
        "site": site,
        "job_id": job_id,
        "hints": hints,
        "page": page,
        "title": title,
        "data": data,
        "links": all_links,
        "by_rel": {str(link.get("rel")): link for link in reversed(all_links)},
        "base": base,
        "stubs": stubs,
        "program": program,
        "requests": _requests(page, data, base, example),
        "picture_origins": _picture_origins(all_links),
    }
    return _environment().get_template(f"{page}.html").render(context)


def _links(data: JSON, links: Sequence[Mapping[str, JSON]]) -> list[Mapping[str, JSON]]:
    """The links of the answer and of its data, each once, in that order."""
    own = data.get("links") if isinstance(data, Mapping) else None
    merged: list[Mapping[str, JSON]] = []
    for link in [*links, *(own if isinstance(own, list) else [])]:
        if isinstance(link, Mapping) and link not in merged:
            merged.append(link)
    return merged


def _picture_origins(links: Sequence[Mapping[str, JSON]]) -> list[str]:
    """Where the pictures of a page come from, as its Content-Security-Policy names them.

    The server's public URL need not be the one that the page was asked for under.
    """
    hrefs = [urlsplit(values.safe_href(link.get("href"))) for link in links if link.get("rel") == "preview"]
    origins = {f"{href.scheme}://{href.netloc}" for href in hrefs}
    return ["'self'", *sorted(filter(ORIGIN.fullmatch, origins))] if hrefs else []


def _requests(page: str, data: JSON, base: str, example: JSON) -> list[tuple[str, str]]:
    """The commands that run a process, each with the words above it."""
    if page != "process" or not isinstance(data, Mapping):
        return []
    request = example if example and len(json.dumps(example)) <= COMMAND_LENGTH else execute.request_of(data)
    process_id = str(data.get("id", ""))
    modes = data.get("jobControlOptions") or ["sync-execute"]
    commands = []
    if "sync-execute" in modes:
        commands.append(("Wait for the result", execute.curl(base, process_id, request)))
    if "async-execute" in modes:
        command = execute.curl(base, process_id, request, asynchronous=True)
        commands.append(("Start a job, and watch it at the Location of the answer", command))
    return commands


def _segment(value: JSON) -> str:
    """A value as one segment of a URL's path."""
    return quote(str(value), safe="", errors="replace")


@functools.cache
def _environment() -> Environment:
    """The templates and what they may call; built once per process, on the first page."""
    style = (HERE / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=values.clean,
        auto_reload=False,
    )
    environment.globals |= {"style": Markup(style), "style_hash": digest}
    environment.filters |= {
        "safe_href": values.safe_href,
        "text": values.text,
        "json_text": values.json_text,
        "kind": values.kind,
        "columns": values.columns,
        "without": values.without,
        "segment": _segment,
    }
    environment.tests |= {"url": values.is_url, "link": values.is_link, "scalar": values.is_scalar}
    return environment
