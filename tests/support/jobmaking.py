"""Jobs, and what belongs to them, for the suites of the engine."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dragoman.model.job import Job
from dragoman.model.principal import Principal
from dragoman.model.process import Runtime
from dragoman.model.worker import WorkerIdentity

ALICE = Principal(id="alice", roles=frozenset({"author", "reader"}))
BOB = Principal(id="bob")
RUNTIME = Runtime(form="native", folder="/packages/echo", digest="d1", memory_limit=2**30)
WORKER = WorkerIdentity(host="here", boot_id="boot", pid=4242, start_time=99)


def make_job(**changes: Any) -> Job:
    """A job that has just been accepted, with some fields changed."""
    now = datetime.now(UTC)
    plain = Job(
        id=str(uuid.uuid4()),
        process_id="echo",
        process_version="1.0.0",
        dialect="ogc",
        runtime=RUNTIME,
        created=now,
        updated=now,
    )
    return replace(plain, **changes)
