"""Clients that hang up while they wait give their places back; their jobs go on."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
import requests
from harness import Server, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("gunicorn", [0, 1])
def test_the_places_are_free_again_and_the_jobs_go_on(tmp_path: Path, gunicorn: int) -> None:
    server = Server(tmp_path, {"jobs": {"sync_waiters": 2}}, workers=3)
    try:
        server.start(gunicorn=gunicorn)
        clients = [_waiting_client(server) for _ in range(2)]
        wait_for(lambda: len(_running(server)) == 2, "both run")
        assert server.execute("number", wait=True, number=1).status_code == 503
        for client in clients:
            client.close()
        wait_for(
            lambda: server.execute("number", wait=True, number=2).status_code == 200, "the places are free"
        )
        assert len(_running(server)) == 2
    finally:
        server.stop()


def _waiting_client(server: Server) -> socket.socket:
    """Has asked for a job that goes on for minutes, and waits."""
    body = json.dumps({"inputs": {"seconds": 300}}).encode()
    head = (
        f"POST /processes/loop/execution HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(head.encode() + body)
    return client


def _running(server: Server) -> list[str]:
    listed = requests.get(f"{server.url}/jobs?status=running", timeout=60).json()
    return [job["jobID"] for job in listed["jobs"]]
