"""One request as its handler sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

from dragoman.web import auth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from werkzeug.datastructures import Headers

    from dragoman.model.principal import Principal
    from dragoman.web.links import Query
    from dragoman.web.negotiation import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who asks for what form of an answer; made once per request, before its handler is called."""

    principal: Principal
    base: str
    """The public URL that the dialect's own paths follow, without a slash at its end."""
    form: Form
    """The form of the answer; in a dialect without pages always JSON."""
    query: Query
    """The members of the query, in order."""
    headers: Headers

    @property
    def arguments(self) -> Mapping[str, Sequence[str]]:
        """All values of each member of the query, in order."""
        values: dict[str, list[str]] = {}
        for name, value in self.query:
            values.setdefault(name, []).append(value)
        return values


def current_call(base: str, form: Form = "json") -> Call:
    """The call that the current request makes."""
    return Call(
        principal=auth.current(),
        base=base,
        form=form,
        query=list(request.args.items(multi=True)),
        headers=request.headers,
    )
