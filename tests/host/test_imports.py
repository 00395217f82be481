"""What a server has imported when it is up: each module costs memory in every process, and time at the start."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from harness import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

LATE = (
    *("cv2", "simplejpeg", "av", "rasterio", "dragoman.datasets.dataset", "dragoman.datasets.loader"),
    "dragoman.datasets.loader_process",
    *("PIL", "jenkspy", "dragoman.maps.drawing.views", "dragoman.jobs.engine.map_pictures"),
    *("prov", "lxml", "networkx", "dragoman.codegen.notebook", "dragoman.packages.scripts.form"),
)
"""What decodes pictures, video and rasters, and what CCP's clients may never ask for.

NumPy and Jinja come with pygeoapi.
"""


def test_a_server_has_not_imported_what_nobody_has_asked_for(tmp_path: Path) -> None:
    script = f"import sys, pygeoapi.flask_app; print([m for m in {LATE} if m in sys.modules])"
    environment = {
        **os.environ,
        "PYGEOAPI_CONFIG": str(REPOSITORY / "pygeoapi-config.yml"),
        "DRAGOMAN_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
