"""Stores with many finished jobs in them, as if they had been run there."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

from benchmarks.load import Client
from benchmarks.servers import Dragoman, unfinished, wait_for

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "dragoman_jobs"


def fill(server: Dragoman, process: str, inputs: dict[str, Any], count: int) -> None:
    """Copies of a job that was really run, each with an id of its own."""
    with Client(server.port) as client:
        first = client.submit(process, **inputs)
    store = server.store()
    wait_for(lambda: unfinished(store) == 0, 60, "the first job ends")
    store.close()
    with sqlite3.connect(server.home / "dragoman.db", timeout=60) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({TABLE})")]
        copied = ", ".join(name for name in columns if name not in {"seq", "id"})
        connection.executemany(
            f"INSERT INTO {TABLE} (id, {copied}) SELECT ?, {copied} FROM {TABLE} WHERE id = ?",
            ((str(uuid.uuid4()), first) for _ in range(count)),
        )
    connection.close()


def fill_tinydb(database: Path, process: str, count: int) -> None:
    """The file as TinyDB writes it, with so many finished jobs and no other."""
    moment = "2026-01-01T00:00:00.000000Z"
    jobs = {
        str(number): {
            "type": "process",
            "identifier": str(uuid.uuid1()),
            "process_id": process,
            "created": moment,
            "started": moment,
            "updated": moment,
            "finished": moment,
            "status": "successful",
            "location": f"{database.parent}/results/{process}-{uuid.uuid1()}",
            "mimetype": "application/json",
            "message": "Job complete",
            "progress": 100,
        }
        for number in range(1, count + 1)
    }
    draft = database.with_suffix(".draft")
    draft.write_text(json.dumps({"_default": jobs} if jobs else {}), "utf-8")
    draft.replace(database)


def tinydb_unfinished(database: Path) -> int:
    """How many jobs wait or run; as many as there can be while the file is being written."""
    try:
        jobs = json.loads(database.read_text("utf-8") or "{}").get("_default", {})
    except (OSError, ValueError):
        return 1
    return sum(job["status"] in {"accepted", "running"} for job in jobs.values())
