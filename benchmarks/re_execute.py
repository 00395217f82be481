"""Repeats jobs of every shipped process on rasters of several windows, and compares all outputs byte for byte.

    .venv/bin/python -m benchmarks.re_execute [TIMES] [SIDE]

Not part of ``make bench``; it prints what it found, and ends with 1 where two runs differ.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ccp import finished, resources, settled
from benchmarks.load import Client
from benchmarks.rasters import make_pair, make_series, make_zones
from benchmarks.servers import ROOT, Dragoman, running

if TYPE_CHECKING:
    from collections.abc import Mapping


def requests(folder: Path, side: int) -> Mapping[str, dict[str, Any]]:
    """The inputs of each process, by reference."""

    def link(path: Path) -> dict[str, str]:
        return {"href": path.as_uri()}

    red, nir = map(link, make_pair(folder / "pair", side))
    series = make_series(folder / "series.nc", (60, 300, 400), deflated=True)
    make_zones(folder / "zones.geojson", side)
    zones = json.loads((folder / "zones.geojson").read_text("utf-8"))
    return {
        "echo": {"text": "grüß", "value": 2.5, "numbers": [1, 2]},
        "ndvi": {"red": red, "nir": nir},
        "raster-calculator": {"rasters": [red, nir], "expression": "(r2 - r1) / (r1 + r2)"},
        "reduce-dimension": {"dataset": link(series), "method": "std"},
        "reproject": {"raster": red, "crs": "EPSG:3857", "resampling": "cubic"},
        "zonal-statistics": {
            "raster": red,
            "zones": zones,
            "statistics": ["mean", "stdev", "median", "majority"],
        },
    }


def digests(client: Client, job: str) -> dict[str, str]:
    """SHA-256 of each output, by its file name."""
    status, body = client.get(f"/executions/{job}/outputs/output.zip")
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(body)) as whole:
        return {name: hashlib.sha256(whole.read(name)).hexdigest() for name in whole.namelist()}


def main(times: int, side: int) -> int:
    """How many repetitions gave anything else than the job that they repeat."""
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sent = requests(folder, side)
        declared = resources(**{process: ROOT / "processes" / process for process in sent})
        server = Dragoman(folder / "server", resources=declared, manager={"data_roots": [name]})
        with running(server), Client(server.port) as client:
            for process, inputs in sent.items():
                job = finished(client, process, **inputs)
                first, differing = digests(client, job), 0
                for _ in range(times):
                    _status, body = client.post(f"/executions/{job}/re-execute", b"", {})
                    again = json.loads(body)["jobID"]
                    settled(client, again)
                    differing += digests(client, again) != first
                    client.delete(f"/executions/{again}")
                print(f"{process}: {differing} of {times} repetitions differ; {', '.join(first)}", flush=True)
                wrong += differing
    return wrong


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(bool(main(*(numbers + [20, 5000][len(numbers) :]))))
