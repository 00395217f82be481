"""The Python program as a Jupyter notebook (nbformat 4.5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from dragoman.codegen import literals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.codegen.programs import Plan
    from dragoman.model.process import JSON

HEADINGS: Final = {
    "opening": "What the steps below share",
    "request": "What is asked: change the inputs here",
    "token": "Tokens",
    "call": "Talking to the server",
    "submit": "Submit",
    "poll": "Wait for the end",
    "download": "Fetch the outputs",
}


def notebook(plan: Plan, steps: Sequence[tuple[str, str]]) -> str:
    """A notebook with a heading and a cell of code for each step."""
    title = literals.comment(plan.title or plan.process_id)
    cells = [
        _cell(
            "markdown",
            "title",
            f"# {_plain(title)}\n\nRuns it on the server, waits, and saves each output here.",
        )
    ]
    for name, code in steps:
        cells.append(_cell("markdown", f"{name}-words", f"## {HEADINGS[name]}"))
        cells.append(_cell("code", name, code.strip("\n")))
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def _cell(kind: str, name: str, source: str) -> dict[str, JSON]:
    cell: dict[str, JSON] = {
        "cell_type": kind,
        "id": name,
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML."""
    return "".join(
        f"\\{character}" if character in r"\`*_{}[]()#+-!|<>&$" else character for character in text
    )
