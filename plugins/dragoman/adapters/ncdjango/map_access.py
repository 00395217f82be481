"""Which service a request may see, and the keys that open one to whoever cannot send a token.

With tokens on, the links of a service carry ``key=``, which opens this one service for reading as long as it lives. A
service that the caller may not see does not exist; who comes with neither a key nor a token is asked for one, unless
it is for a picture, which no header can be sent for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.errors import NoSuchService, Unauthorized
from dragoman.model.principal import ANONYMOUS
from dragoman.web.auth import hints_for_strangers, words_for_strangers
from dragoman.web.map_links import MapLinks

if TYPE_CHECKING:
    from dragoman.config.settings import Settings
    from dragoman.errors import DragomanError
    from dragoman.maps.catalogue import MapCatalogue
    from dragoman.model.map_service import MapService
    from dragoman.model.principal import Principal

PUBLIC: Final = "services"
"""The word of ``auth.public`` for the operator's services."""


class MapAccess:
    """Finds services for callers, and makes links that open them."""

    def __init__(self, settings: Settings) -> None:
        self.links = MapLinks(settings)
        """To services, with their keys."""
        self._public = PUBLIC in settings.auth.public
        self._oidc = settings.auth.oidc

    def service(self, maps: MapCatalogue, name: str, principal: Principal, key: str) -> MapService:
        """The service of that name; raises NoSuchService where there is none that the caller may see."""
        if not self.links.guarded:
            return maps.get(name, principal)
        if key and self.links.opens(name, key):
            return maps.anybodys(name)
        service = maps.get(name, principal)
        if principal is ANONYMOUS and not (self._public and service.owner is None):
            raise NoSuchService(f"there is no service '{name[:200]}'")
        return service

    def refusal(self, principal: Principal, key: str) -> DragomanError | None:
        """What asks whoever has neither key nor token for one; None: the service is not there, and no more is said."""
        if self._oidc is None or key or principal is not ANONYMOUS:
            return None
        return Unauthorized(words_for_strangers(self._oidc), hints=hints_for_strangers(self._oidc))

    def listed(self, maps: MapCatalogue, principal: Principal) -> tuple[MapService, ...]:
        """All that the caller may see: each of them is what ``service`` finds without a key."""
        visible = maps.visible_to(principal)
        if (
            self.links.guarded and principal is ANONYMOUS
        ):  # published before there were tokens, nobody's are somebody's
            return tuple(each for each in visible if self._public and each.owner is None)
        return visible
