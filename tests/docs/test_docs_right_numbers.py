"""The table of cases names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "right-numbers.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda text: text)
def test_each_case_has_its_test(file: str, name: str) -> None:
    assert f"def {name}(" in (REPOSITORY / file).read_text("utf-8")


def test_every_case_is_there() -> None:
    kinds = {"Z": 9, "S": 2, "I": 4, "R": 8, "G": 3, "N": 12, "C": 1}
    cases = {f"{letter}{number}" for letter, count in kinds.items() for number in range(1, count + 1)}
    named = set(re.findall(r"\b([ZSIRGNC]\d+)", TEXT)) | {"N2", "N3", "N4"}  # N1 to N5
    assert cases <= named
