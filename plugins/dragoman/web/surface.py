"""A dialect as it is mounted on the application: its blueprint, guards, routes and words for errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from dragoman.web import guards, wording
from dragoman.web.dispatch import Handler, add_rule, dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flask import Response
    from flask.blueprints import BlueprintSetupState

    from dragoman.web.services import Services

type Route = tuple[str, str, Mapping[str, Handler]] | tuple[str, str, Mapping[str, Handler], str]
"""Path, name of the endpoint, the handler of each method, and the word of ``auth.public`` if there is one."""


class Surface:
    """What the handlers of one dialect share. A dialect adds how it reads a call and words an error."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.settings = services.settings
        self.jobs = services.jobs
        self.prefix = ""
        """The path that the blueprint is mounted under, as pygeoapi's own routes are."""

    def word(self, error: Exception) -> Response:
        """The answer to an error, in the dialect's form; headers that belong to it come by themselves."""
        raise NotImplementedError


def new_blueprint(name: str, surface: Surface, paths: Iterable[str]) -> Blueprint:
    """A guarded blueprint whose errors, and all errors below ``paths``, the surface words."""

    def mounted(state: BlueprintSetupState) -> None:
        surface.prefix = (state.url_prefix or "").rstrip("/")

    blueprint = Blueprint(f"dragoman_{name}", __name__)
    blueprint.record(mounted)
    guards.install(blueprint, surface.settings, surface.services.authenticate)
    refuse = wording.refusal(surface.word)
    wording.claim(blueprint, paths, refuse)
    blueprint.register_error_handler(Exception, refuse)
    return blueprint


def add_routes(
    blueprint: Blueprint,
    routes: Iterable[Route],
    bind: Callable[[Handler], Handler],
    *,
    root: str = "",
    endpoints: str = "",
) -> None:
    """Add routes below ``root``; ``bind`` makes a view of a handler, ``endpoints`` goes before their names."""
    for path, name, handlers, *public in routes:
        views = {method: bind(handler) for method, handler in handlers.items()}
        add_rule(blueprint, root + path, endpoints + name, dispatcher(views), public="".join(public))
