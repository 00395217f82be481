"""Where in a document a value is, and how that is written."""

from __future__ import annotations

type KeyPath = tuple[str | int, ...]


def dotted(path: KeyPath) -> str:
    """``inputs.red.keywords[0]`` of a path of keys and positions."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
