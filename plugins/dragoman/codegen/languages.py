"""The languages that there are programs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dragoman.errors import NoSuchPage

TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One language, and what a program in it is called."""

    id: str
    """As in URLs and for the command."""
    title: str
    """What it is and what it needs."""
    suffix: str
    """Of the file's name, with its dot."""
    media_type: str = TEXT


LANGUAGES: Final = (
    Language(id="r", title="R, with httr and jsonlite", suffix=".R"),
    Language(id="python", title="Python, without packages", suffix=".py"),
    Language(id="julia", title="Julia, with the package JSON", suffix=".jl"),
    Language(id="javascript", title="JavaScript for Node.js, without packages", suffix=".mjs"),
    Language(id="curl", title="bash, with curl and jq", suffix=".sh"),
    Language(
        id="jupyter",
        title="Jupyter notebook in Python",
        suffix=".ipynb",
        media_type="application/x-ipynb+json",
    ),
)


def language_of(name: str) -> Language:
    """A language by its id; raises NoSuchPage, which names those there are."""
    for language in LANGUAGES:
        if language.id == name:
            return language
    allowed = ", ".join(language.id for language in LANGUAGES)
    raise NoSuchPage(f"there is no stub in '{name[:100]}'; allowed: {allowed}")
