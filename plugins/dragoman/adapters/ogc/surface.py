"""What the handlers share: the services, the habits, and the form of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request

from dragoman.adapters.ogc import describe
from dragoman.codegen.programs import Login
from dragoman.sources.policy import SourcePolicy
from dragoman.web.call import Call, current_call
from dragoman.web.html import pages
from dragoman.web.links import public_base, self_links
from dragoman.web.negotiation import form_of
from dragoman.web.responses import html_response, json_response, problem_response
from dragoman.web.result_values import loader
from dragoman.web.surface import Surface as MountedSurface

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ogc.habits import Habits
    from dragoman.model.job import Job
    from dragoman.model.process import JSON
    from dragoman.web.links import Link
    from dragoman.web.result_values import Load
    from dragoman.web.services import Services


class Surface(MountedSurface):
    """One mount of the OGC resources."""

    def __init__(self, services: Services, habits: Habits) -> None:
        super().__init__(services)
        self.habits = habits
        self.policy = SourcePolicy.from_settings(services.settings)
        """Which hosts the server talks to."""
        self.login = Login.by(services.settings.auth.oidc)
        """How generated programs come by a token."""

    @property
    def base(self) -> str:
        """The public URL of the landing page, without a slash at its end."""
        return public_base(self.settings) + self.prefix + self.habits.prefix

    def call(self) -> Call:
        """The call of the current request; raises InvalidQueryParameter for an ``f`` that is not known."""
        if not self.habits.pages:
            return current_call(self.base)
        return current_call(self.base, form_of(request.args.get("f"), request.headers.get("Accept", "")))

    def word(self, error: Exception) -> Response:
        """Any error as a problem document, or as its page."""
        kind = describe.exception_type(error)
        return problem_response(error, type=kind, base_url=self.base, pages_too=self.habits.pages)

    def answer(
        self,
        call: Call,
        page: str,
        document: JSON,
        *,
        title: str,
        status: int = 200,
        links: list[Link] | None = None,
        **extra: JSON,
    ) -> Response:
        """A document as JSON, or as its page."""
        if call.form == "json":
            return json_response(document if self.habits.pages else without_pages(document), status)
        text = pages.render(
            page,
            title=title,
            data=document,
            links=links or [],
            base_url=call.base,
            site=self.services.title,
            **extra,
        )
        return html_response(text, status)

    def loader(self, job: Job) -> Load:
        """Reads the files of a job into documents; raises ResultNotAvailable."""
        return loader(self.jobs, job)


PARTS: Final = ("processes", "jobs", "executions", "jobStatus", "method")
"""Members of documents that hold documents with links of their own."""


def without_pages(document: JSON) -> JSON:
    """The document without links to pages, its own and those of its parts."""
    if isinstance(document, list):
        return [without_pages(item) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        name: [link for link in member if link.get("type") != "text/html"]
        if name == "links"
        else without_pages(member)
        if name in PARTS
        else member
        for name, member in document.items()
    }


def links_of(call: Call, href: str) -> list[Link]:
    """self and alternate of a document that holds no links of its own."""
    return self_links(href, call.query, form=call.form)
