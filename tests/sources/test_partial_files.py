"""What is not written to its end is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragoman.sources.partial_files import removed_on_error

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_file_that_is_not_finished_is_removed(tmp_path: Path, error: type[BaseException]) -> None:
    file = tmp_path / "a"

    def write() -> None:
        with removed_on_error(file):
            file.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert not file.exists()


def test_a_file_that_is_finished_stays(tmp_path: Path) -> None:
    file = tmp_path / "a"
    with removed_on_error(file):
        file.write_bytes(b"whole")
    assert file.read_bytes() == b"whole"


def test_an_error_before_the_first_byte_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="early"), removed_on_error(tmp_path / "none"):
        raise ValueError("early")
