"""One view for all methods of a path: what it does not know gets 405 with Allow, in the dialect's own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flask import Response, request

from dragoman.web.problems import WrongMethod
from dragoman.web.responses import empty_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Blueprint
    from flask.blueprints import BlueprintSetupState
    from flask.sansio.app import App

type Handler = Callable[..., Response]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


BY_KEY: Final = "by-key"
"""In place of a word of ``auth.public``: the route checks a signed key in its URL itself (``signed_keys``)."""

_WORDS: Final = "dragoman_public_words"


def add_rule(blueprint: Blueprint, path: str, name: str, view: Handler, *, public: str = "") -> None:
    """Answer every method of a path, with and without a slash at its end, so that nothing falls through.

    ``public``: the word of ``auth.public`` by which the operator lets everybody read it; without one it is protected.
    """
    blueprint.add_url_rule(
        path, name, view, methods=METHODS, strict_slashes=False, provide_automatic_options=False
    )

    def register(state: BlueprintSetupState) -> None:
        endpoint = f"{state.name_prefix}.{state.name}.{name}".lstrip(".")
        state.app.extensions.setdefault(_WORDS, {})[endpoint] = public

    blueprint.record(register)


def name_host_paths(app: App, words: Mapping[str, str]) -> None:
    """Tell the words of ``auth.public`` for the host's own paths, by endpoint; ``x.*`` is all of the blueprint x."""
    app.extensions.setdefault(_WORDS, {}).update(words)


def public_word(app: App, endpoint: str | None) -> str:
    """The word of ``auth.public`` that an endpoint goes by; empty: it has none, or nobody serves it."""
    words: Mapping[str, str] = app.extensions.get(_WORDS, {})
    if endpoint is None:
        return ""
    if endpoint in words:
        return words[endpoint]
    return words.get(f"{endpoint.rpartition('.')[0]}.*", "")


def dispatcher(handlers: Mapping[str, Handler]) -> Handler:
    """A view that calls the handler of the request's method, HEAD being that of GET; raises WrongMethod."""
    known = {**handlers, **({"HEAD": handlers["GET"]} if "GET" in handlers else {})}
    allowed = sorted({*known, "OPTIONS"})

    def view(**arguments: str) -> Response:
        handler = known.get(request.method)
        if handler is not None:
            return handler(**arguments)
        if request.method != "OPTIONS":
            raise WrongMethod(request.method, allowed)
        response = empty_response()
        response.headers["Allow"] = ", ".join(allowed)
        return response

    view.allowed = allowed  # type: ignore[attr-defined]  # for methods that no rule names, TRACE say
    return view
