"""Processes that are worn out know it: by open files, by memory, by errors that tell of a lack."""

from __future__ import annotations

import errno
import os

import pytest

from dragoman.workers import wear
from dragoman.workers.wear import Wear, is_lack


def test_a_fresh_one_is_not_worn() -> None:
    assert not Wear().worn()


def test_one_that_keeps_files_open_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wear, "DESCRIPTORS", 20)
    fresh = Wear()
    kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    try:
        assert not fresh.worn()
        kept.append(os.open(os.devnull, os.O_RDONLY))
        assert fresh.worn()
    finally:
        for descriptor in kept:
            os.close(descriptor)
    assert not fresh.worn()


def test_one_that_keeps_memory_is_and_one_that_gave_it_back_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wear, "MEMORY", 64 * 1024**2)
    fresh = Wear()
    kept = [b"x" * 1024**2 for _ in range(200)]
    assert fresh.worn()
    kept.clear()
    assert not fresh.worn()


def _caused(cause: BaseException) -> BaseException:
    error = RuntimeError("it did not work")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (MemoryError(), True),
        (OSError(errno.EMFILE, "x"), True),
        (OSError(errno.ENOMEM, "x"), True),
        (_caused(OSError(errno.ENFILE, "x")), True),
        (RuntimeError("/data/a.tif: Too many open files"), True),
        (OSError(errno.ENOENT, "x"), False),
        (ValueError("no memory of that"), False),
    ],
)
def test_what_an_error_tells(error: BaseException, lack: bool) -> None:
    assert is_lack(error) is lack
