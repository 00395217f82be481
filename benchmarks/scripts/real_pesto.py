"""The real PESTO service, by its own code, without the container: run by the Python of PESTO's environment.

``real_pesto.py PROJECT FOLDER PORT``: what ``pesto build`` puts under /etc/pesto is put into FOLDER, and the service
is told so; the rest is what the image's command runs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pesto.cli.core.build_config import BuildConfig
from pesto.cli.core.config_loader import ConfigLoader
from pesto.cli.core.pesto_files import PestoFiles
from pesto.ws.app import app, setup_logging
from pesto.ws.service.describe import DescribeService
from pesto.ws.service.job_list import JobListService
from uvicorn import Config, Server


def serve(project: Path, folder: Path, port: int) -> None:
    """Serve until the end."""
    configs = ConfigLoader.load(BuildConfig.from_path(str(project / "pesto" / "build" / "build.json")))
    service, version = folder / "service.json", folder / "version.json"
    service.write_text(json.dumps(configs[PestoFiles.service]))
    version.write_text(json.dumps(configs[PestoFiles.version]))
    DescribeService.SERVICE_JSON_PATH = str(service)
    DescribeService.VERSION_CONTENT_PATH = str(version)
    JobListService.PESTO_WORKSPACE = str(folder / "jobs")
    sys.path.insert(0, str(project))
    server = Server(Config(app, host="127.0.0.1", port=port))
    setup_logging()
    server.run()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
