"""What schemathesis changes of its own ideas: pauses are short, or every request would take up to an hour."""

from __future__ import annotations

from typing import Any

import schemathesis

LONGEST = 0.05
"""Seconds."""


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if isinstance(inputs, dict) and isinstance(pause := inputs.get("pause"), int | float) and pause > LONGEST:
        return {**body, "inputs": {**inputs, "pause": LONGEST}}
    return body
