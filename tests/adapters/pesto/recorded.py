"""What the real PESTO 1.7.2 service answered: ``tests/data/recordings/pesto``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "data" / "recordings" / "pesto"
STATELESS = "http://localhost:4000"
STATEFUL = "http://localhost:4001"
JOB = "2490693754"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One answer."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def moved(self, root: str, job_id: str = JOB) -> Any:
        """The body with another server and another job in its links."""
        text = self.body.decode().replace(STATELESS, root).replace(STATEFUL, root)
        return json.loads(text.replace(JOB, job_id))


def recording(name: str) -> Recording:
    data = (FOLDER / f"{name}.http").read_bytes()
    head, body = data.split(b"\n", 1)[1].split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {key.lower(): value for key, value in pairs}
    body = body[: int(headers["content-length"])]
    return Recording(status=int(first.split()[1]), headers=headers, body=body)


def payload(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_bytes())
    return data
