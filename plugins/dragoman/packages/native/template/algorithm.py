"""What the process does; it never sees HTTP."""

from __future__ import annotations

from typing import Any

import dragoman


def run(
    area: dict[str, Any], columns: int = 2, rows: int = 2, *, context: dragoman.Context
) -> dict[str, object]:
    """Split ``area`` into columns x rows cells; an area without extent is the caller's fault."""
    corners = area["bbox"]
    west, south, east, north = corners if len(corners) == 4 else [corners[i] for i in (0, 1, 3, 4)]
    width, height = (east - west) / columns, (north - south) / rows
    if width <= 0 or height <= 0:
        raise dragoman.InputError("area", "the box has no extent from west to east, or from south to north")
    cells = []
    for row in range(rows):
        for column in range(columns):
            x, y = west + column * width, south + row * height
            ring = [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]
            geometry = {"type": "Polygon", "coordinates": [ring]}
            properties = {"row": row, "column": column}
            cells.append({"type": "Feature", "geometry": geometry, "properties": properties})
        context.progress(100 * (row + 1) / rows, f"row {row + 1} of {rows}")
    return {"cells": {"type": "FeatureCollection", "features": cells}, "count": len(cells)}
