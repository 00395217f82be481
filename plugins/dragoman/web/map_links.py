"""Links to map services: with tokens on, each carries the key that opens its service to whoever can send no token.

A key opens one service for reading, as long as that lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from dragoman.maps.places import mercator_extent
from dragoman.web.links import link
from dragoman.web.signed_keys import SignedKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.config.settings import Settings
    from dragoman.model.map_service import MapService
    from dragoman.web.links import Link

PURPOSE: Final = "map service"
PREVIEW: Final = 640
"""Pixels of the longer side of a preview."""


class MapLinks:
    """Makes links, and knows the keys in them."""

    def __init__(self, settings: Settings) -> None:
        self.guarded = settings.auth.oidc is not None
        """Whether callers are known by tokens, so that links need keys."""
        self._keys = SignedKeys(settings.home)

    def opens(self, name: str, key: str) -> bool:
        """Whether a key is that of the service."""
        return self._keys.check(PURPOSE, name, key)

    def href(self, base: str, path: str, service: MapService, query: Sequence[tuple[str, str]] = ()) -> str:
        """The URL of what lies below the service."""
        keyed = [*query, ("key", self._keys.sign(PURPOSE, service.name))] if self.guarded else list(query)
        return f"{base}{path}" + (f"?{urlencode(keyed, errors='replace')}" if keyed else "")

    def of(self, root: str, service: MapService) -> list[Link]:
        """The map service, its tiles, and a picture of all of it; ``root`` is the server's own base URL."""
        name, title = quoted(service.name), service.name.removeprefix(f"{service.job_id}/")
        server = f"/arcgis/rest/services/{name}/MapServer"
        return [
            link(self.href(root, server, service), "service", title=f"Output {title} as a map service"),
            link(
                self.href(root, f"/tiles/{name}/tilejson.json", service),
                "tilejson",
                title=f"Output {title} as tiles",
            ),
            link(
                self.href(root, f"{server}/export", service, _whole(service)),
                "preview",
                "image/png",
                f"Output {title} as a picture",
            ),
        ]


def _whole(service: MapService) -> list[tuple[str, str]]:
    """The parameters of a picture of all of the service."""
    west, south, east, north = mercator_extent(service.grid)
    scale = PREVIEW / max(east - west, north - south)
    size = (max(1, round((east - west) * scale)), max(1, round((north - south) * scale)))
    return [
        ("bbox", f"{west!r},{south!r},{east!r},{north!r}"),
        ("bboxSR", "102100"),
        ("imageSR", "102100"),
        ("size", f"{size[0]},{size[1]}"),
    ]


def quoted(name: str) -> str:
    """A service's name as it stands in a path: its slashes are slashes."""
    return quote(name, safe="/", errors="replace")
