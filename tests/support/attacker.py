"""Sends every token to every endpoint of the whole application, pygeoapi's own included; run as a program.

Standard input: ``{"tokens": {name: Authorization or null}, "alice", "bob", "root": Authorization}``. Alice makes a job
first; the attacks are on it. Standard output: ``{"answers": [...], "job": {...}, "jobs": n, "spoiled": [...]}``, where
``answers`` are those that are not a plain 401.
"""

from __future__ import annotations

import itertools
import json
import sys
import uuid
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.routing import Rule
    from werkzeug.test import TestResponse

SECRET: Final = "nobody-else-may-read-this"
"""What alice's job was given, and gives back."""
UNKNOWN: Final = "00000000-0000-4000-8000-000000000000"
EVERY_METHOD: Final = ("no token", "Basic", "expired", "more rights", "alg 'none'", "another audience")
"""Tokens that are sent with every method of every endpoint; each of the others with one of them, in turn."""
NO_ENDPOINT: Final = (
    "/surely/not/served",
    "/pesto/echo/api/v1/nothing",
    "/pesto/nothing/api/v1/describe",
    "/a\u00e4b",
)
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def path_of(rule: Rule, job_id: str) -> str:
    """A path that the rule serves, of alice's job and its process."""
    known = {
        "job_id": job_id,
        "process_id": "echo",
        "process": "echo",
        "output_id": "text",
        "language": "python",
    }
    values = {name: known.get(name, "1") for name in rule.arguments}
    built = rule.build(values, append_unknown=False)
    assert built is not None, rule
    return built[1]


def targets(app: Flask, job_id: str) -> Iterator[tuple[str, str, list[str]]]:
    """Endpoint, path and methods of all that is served, and of some that is not."""
    for rule in app.url_map.iter_rules():
        methods = sorted(set(rule.methods or ()) & set(METHODS))
        yield rule.endpoint, path_of(rule, job_id), methods
    for path in NO_ENDPOINT:
        yield "", path, list(METHODS)


def attacks(
    app: Flask, job_id: str, tokens: dict[str, str | None]
) -> Iterator[tuple[str, str, str, str, str | None]]:
    """Endpoint, path, method, name of the token, and its header."""
    for number, (endpoint, path, methods) in enumerate(targets(app, job_id)):
        turn = itertools.cycle(methods[number % len(methods) :] + methods[: number % len(methods)])
        for name, header in tokens.items():
            for method in methods if name in EVERY_METHOD else [next(turn)]:
                yield endpoint, path, method, name, header


def send(client: FlaskClient, method: str, path: str, header: str | None) -> TestResponse:
    """One request, with a body that would make a job."""
    headers = {} if header is None else {"Authorization": header}
    body = {"inputs": {"text": "attack"}} if method in ("POST", "PUT", "PATCH") else None
    return client.open(path, method=method, headers=headers, json=body, buffered=True)


def served(app: Flask, path: str, method: str) -> str | None:
    """The endpoint that really serves a path: a rule for the rest may stand behind a public one."""
    try:
        endpoint: str = app.url_map.bind("localhost").match(path, method=method)[0]
    except HTTPException:
        return None
    return endpoint


def told(response: TestResponse) -> str:
    """All that an answer tells."""
    return response.get_data(as_text=True) + str(response.headers)


def plain_refusal(response: TestResponse) -> bool:
    """Whether an answer is a challenge and nothing more."""
    challenge = response.headers.get("WWW-Authenticate", "")
    return response.status_code == 401 and challenge.startswith("Bearer ") and SECRET not in told(response)


def listed(client: FlaskClient, header: str) -> int:
    """How many jobs there are."""
    answer = client.get("/jobs?f=json", headers={"Authorization": header})
    number: int = answer.get_json()["numberMatched"]
    return number


def main() -> None:
    """See the module."""
    given = json.load(sys.stdin)
    from pygeoapi.flask_app import APP

    from dragoman.web.dispatch import public_word

    client = APP.test_client()
    made = client.post(
        "/processes/echo/execution",
        json={"inputs": {"text": SECRET}},
        headers={"Authorization": given["alice"], "Prefer": "respond-async"},
    )
    job_id = str(uuid.UUID(made.get_json()["jobID"]))
    answers: list[dict[str, Any]] = []
    count, endpoints = 0, set()
    for endpoint, path, method, name, header in attacks(APP, job_id, given["tokens"]):
        response = send(client, method, path, header)
        count += 1
        endpoints.add(endpoint)
        if not plain_refusal(response):
            answers.append(
                {"endpoint": endpoint, "word": public_word(APP, served(APP, path, method)),
                 "path": path, "method": method,
                 "token": name, "status": response.status_code, "secret": SECRET in told(response)}
            )  # fmt: skip
    mine = client.get(f"/jobs/{job_id}", headers={"Authorization": given["alice"]})
    report = {
        "answers": answers,
        "count": count,
        "endpoints": sorted(endpoints),
        "jobs": listed(client, given["root"]),
        "bobs": listed(client, given["bob"]),
        "mine": mine.get_json(),
        "unlike": unlike(client, job_id, given["tokens"], given["bob"]),
    }
    print(json.dumps(report))


def unlike(client: FlaskClient, job_id: str, tokens: dict[str, str | None], bob: str) -> list[str]:
    """Where an answer about alice's job differs from one about a job that never was: it tells that there is one."""
    found = []
    for path in (
        "/jobs/{}",
        "/jobs/{}/results",
        "/jobs/{}/results/text",
        "/pesto/echo/api/v1/jobs/{}/status",
    ):
        for name, header in {**{n: tokens[n] for n in EVERY_METHOD}, "bob": bob}.items():
            for method in ("GET", "DELETE"):
                there = send(client, method, path.format(job_id), header)
                never = send(client, method, path.format(UNKNOWN), header)
                same = told(there).replace(job_id, UNKNOWN) == told(never)
                if not same or there.status_code != never.status_code:
                    found.append(f"{method} {path} {name}: {there.status_code} {never.status_code}")
    return found


if __name__ == "__main__":
    main()
