"""What reads tokens is imported only where there are tokens: else the start would be longer for nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from harness import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import json, sys
import dragoman.plugin, dragoman.host.mounting, dragoman.adapters.ogc.routes, dragoman.adapters.pesto.routes
from dragoman import composition
from dragoman.host.bootstrap import read_settings

composition.token_reader(read_settings())
print(json.dumps([name for name in ("jwt", "cryptography", "dragoman.identity") if name in sys.modules]))
"""


@pytest.mark.parametrize("configured", [False, True])
def test_modules(tmp_path: Path, configured: bool) -> None:
    data = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text("utf-8"))
    if configured:
        data["server"]["manager"]["auth"] = {"oidc": {"issuer": "http://127.0.0.1:9", "audience": "x"}}
    (tmp_path / "config.yml").write_text(yaml.safe_dump(data), "utf-8")
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("DRAGOMAN_", "PYGEOAPI_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**env, "PYGEOAPI_CONFIG": str(tmp_path / "config.yml"), "DRAGOMAN_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stdout.splitlines()[-1])
    assert imported == (["jwt", "cryptography", "dragoman.identity"] if configured else [])
