"""A processor of somebody else's pygeoapi: it reads an input that its metadata does not declare."""

from __future__ import annotations

from typing import Any

from pygeoapi.process.base import BaseProcessor

METADATA: dict[str, Any] = {
    "version": "2.1.0",
    "id": "lax",
    "title": {"en": "Lax", "fr": "Lâche"},
    "description": "Takes more than it says.",
    "jobControlOptions": ["sync-execute", "async-execute"],
    "keywords": ["lax"],
    "links": [],
    "inputs": {"name": {"title": "Name", "schema": {"type": "string"}, "minOccurs": 1, "maxOccurs": 1}},
    "outputs": {
        "echo": {"title": "Echo", "schema": {"type": "object", "contentMediaType": "application/json"}}
    },
    "example": {"inputs": {"name": "World", "depth": [1, 2]}, "mode": "async"},
}


class LaxProcessor(BaseProcessor):  # type: ignore[misc]
    """Gives back all that it was given."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        super().__init__(processor_def, METADATA)

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, Any]:
        """See BaseProcessor."""
        return "application/json", {"given": data}
