"""Who asks: the one place where a request becomes a principal."""

from __future__ import annotations

from dragoman.model.principal import ANONYMOUS, Principal


def principal() -> Principal:
    """The party that the current request is made for; anonymous while there is no authentication."""
    return ANONYMOUS
