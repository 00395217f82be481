"""What the routes share: the services, the public base URL, the form of an answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flask import request

from dragoman.errors import NoSuchJob
from dragoman.sources.policy import SourcePolicy
from dragoman.web.html import pages
from dragoman.web.links import public_base, self_links
from dragoman.web.negotiation import form_of
from dragoman.web.responses import html_response, json_response
from dragoman.web.result_values import loader

if TYPE_CHECKING:
    from flask import Response

    from dragoman.model.job import Job
    from dragoman.model.process import JSON
    from dragoman.web.links import Link, Query
    from dragoman.web.negotiation import Form
    from dragoman.web.result_values import Load
    from dragoman.web.services import Services

_JOB_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Surface:
    """One mounted OGC surface."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.settings = services.settings
        self.catalogue = services.catalogue
        self.jobs = services.jobs
        self.waiters = services.waiters
        self.policy = SourcePolicy.from_settings(services.settings)
        """Which hosts the server talks to."""
        self.prefix = ""
        """The path that the blueprint is mounted under, as pygeoapi's own routes are."""

    @property
    def base(self) -> str:
        """The public URL of the landing page, without a slash at its end."""
        return public_base(self.settings) + self.prefix

    def form(self) -> Form:
        """The form of the answer; raises InvalidQueryParameter, so ask before anything is done."""
        return form_of(request.args.get("f"), request.headers.get("Accept", ""))

    def query(self) -> Query:
        """The query of the current request, member by member."""
        return list(request.args.items(multi=True))

    def links(self, href: str) -> list[Link]:
        """self and alternate of a document that holds no links of its own."""
        return self_links(href, self.query(), form=self.form())

    def answer(
        self,
        page: str,
        data: JSON,
        *,
        title: str,
        status: int = 200,
        links: list[Link] | None = None,
        **extra: JSON,
    ) -> Response:
        """A document as JSON, or as its page."""
        if self.form() == "json":
            return json_response(data, status)
        extra.setdefault("site", self.services.title)
        text = pages.render(page, title=title, data=data, links=links or [], base_url=self.base, **extra)
        return html_response(text, status)

    def loader(self, job: Job) -> Load:
        """Reads the files of a job into documents; raises ResultNotAvailable."""
        return loader(self.jobs, job)


def check_job_id(job_id: str) -> None:
    """Raise NoSuchJob for what cannot be the id of a job."""
    if not _JOB_ID.fullmatch(job_id):
        raise NoSuchJob(f"there is no job '{job_id[:100]}'")
