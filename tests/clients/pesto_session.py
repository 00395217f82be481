"""PESTO's own client and test framework against a server: run by the Python of PESTO's environment.

``pesto_session.py RESOURCES URL``: prints as JSON what ServiceTester found of the describe document and of every
test of the folder, beside whether the service is alive and stateful.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from pesto.common.testing.payload_generator import PayloadGenerator
from pesto.common.testing.service_tester import ServiceTester


def session(resources: Path, url: str) -> dict[str, Any]:
    """What ``pesto test`` does, without Docker."""
    tester = ServiceTester(server_url=url)
    expected = json.loads(
        (resources / "expected_describe.json").read_text().replace("http://localhost:4000", url)
    )
    found: dict[str, Any] = {
        "alive": tester.validate_health(),
        "stateful": tester.endpoint_manager.stateful,
        "describe": tester.validate_describe(expected),
    }
    for images_as_base64 in (False, True):
        for folder in sorted(resources.glob("test_*")):
            payload = PayloadGenerator(images_as_base64=images_as_base64).generate(str(folder / "input"))
            wanted = PayloadGenerator().generate(str(folder / "output"))
            _, result = tester.validate_process(payload, wanted)
            found[f"{folder.name}{', base64' if images_as_base64 else ''}"] = result
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        results = session(Path(sys.argv[1]), sys.argv[2])
    print(json.dumps(results))
