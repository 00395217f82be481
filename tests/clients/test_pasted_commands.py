"""The commands on a process's page work as pasted: for every process that comes with dragoman."""

from __future__ import annotations

import html
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import requests
from harness import HANG, Server, serving

from dragoman.config.bundled import bundled_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

COUNTED = 'curl() {{ command curl -s -o "{out}" -w "%{{http_code}}\\n" "$@"; }}\n'
"""Put before what is pasted, to see the status; the rest is as a person would type it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("pasted")) as started:
        yield started


@pytest.mark.parametrize("name", bundled_names())
def test_each_command_on_the_page_works(server: Server, tmp_path: Path, name: str) -> None:
    page = requests.get(f"{server.url}/processes/{name}?f=html", timeout=HANG).text
    commands = [
        html.unescape(text)
        for text in re.findall(r"<pre[^>]*>(?:<code>)?(curl -X POST.*?)</", page, re.DOTALL)
    ]
    assert len(commands) == 2
    statuses = []
    for command in commands:
        text = COUNTED.format(out=tmp_path / "out") + command
        done = subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=HANG, check=True)
        statuses.append(done.stdout.strip())
    assert statuses == ["200", "201"], (tmp_path / "out").read_bytes()[:500]
