"""What dragoman brings with it: processes that a configuration names by ``dragoman:NAME``, and the documents.

In a wheel they lie below the package itself, in a checkout beside ``plugins/``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PREFIX: Final = "dragoman:"
_PACKAGE: Final = Path(__file__).parents[1]


def bundled_root() -> Path:
    """The folder that holds ``processes/``, ``docs/`` and ``openapi/``; the only function that knows where it is."""
    inside = _PACKAGE / "bundled"
    return inside if inside.is_dir() else _PACKAGE.parents[1]


def bundled_names() -> list[str]:
    """The names of the processes that come with dragoman."""
    return sorted(file.parent.name for file in (bundled_root() / "processes").glob("*/process.yml"))


def package_folder(text: str, base: Path) -> Path:
    """The folder, absolute, that a configuration in ``base`` calls ``text``: a path, or ``dragoman:NAME``.

    Raises ValueError, which says what is allowed, for a name that no bundled process has.
    """
    if not text.startswith(PREFIX):
        return Path(os.path.abspath(base / text))
    name = text.removeprefix(PREFIX)
    if name not in bundled_names():
        allowed = ", ".join(PREFIX + each for each in bundled_names())
        raise ValueError(f"{text[:120]!r} does not come with dragoman; allowed: {allowed}, or a folder")
    return bundled_root() / "processes" / name
