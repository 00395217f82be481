"""Only a server that was never ready ends when one of its processes cannot start."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dragoman.errors import Unavailable
from dragoman.host.bootstrap import CONFIGURATION_ERROR, give_up
from dragoman.host.served_note import has_served, note_served

if TYPE_CHECKING:
    from pathlib import Path

NOTING = """
import sys
from pathlib import Path
from dragoman.host.served_note import has_served, note_served
print(has_served(Path(sys.argv[1])), flush=True)
note_served(Path(sys.argv[1]))
"""


def _sibling(home: Path) -> str:
    """What another process of this one's parent, and of nobody else, says before it notes that it is ready."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@"', sys.executable, "-c", NOTING, str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_those_that_one_parent_starts_know_of_each_other(tmp_path: Path) -> None:
    assert [_sibling(tmp_path), _sibling(tmp_path)] == ["False", "True"]
    assert not has_served(tmp_path), "this one has another parent"
    assert len(os.listdir(tmp_path)) == 1


def test_a_note_that_cannot_be_read_or_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "served-by.json").write_text("{")
    assert not has_served(tmp_path)
    note_served(tmp_path / "nowhere")


@pytest.mark.parametrize(("again", "code"), [(False, CONFIGURATION_ERROR), (True, 1)])
def test_whether_gunicorn_tries_again_is_told_by_the_exit_code(again: bool, code: int) -> None:
    with pytest.raises(SystemExit) as end:
        give_up(Unavailable("the engine\ndoes not come up"), again=again)
    assert end.value.code == code
