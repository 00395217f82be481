"""What is downloaded is counted, by whoever wants to know, and by nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragoman.errors import InvalidRequest
from dragoman.sources.http import download
from dragoman.sources.metering import metered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.conftest import Server

    from dragoman.sources.policy import SourcePolicy


def test_downloads_within_the_block_are_counted(server: Server, policy: SourcePolicy, target: Path) -> None:
    href = server.body("/a", b"x" * 1000)
    download(href, target, policy)
    with metered() as first:
        for _ in range(3):
            download(href, target, policy)
        with metered() as second:
            download(href, target, policy)
    download(href, target, policy)
    assert (first.size, second.size) == (3000, 1000)


def test_what_failed_is_not(server: Server, policy: SourcePolicy, target: Path) -> None:
    with metered() as meter, pytest.raises(InvalidRequest):
        download(server.redirect("/a", "file:///etc/passwd"), target, policy)
    assert meter.size == 0
