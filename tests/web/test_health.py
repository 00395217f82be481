"""What ``/readyz`` tells of the issuer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from dragoman.packages.catalogue import Catalogue
from dragoman.web import health


@pytest.mark.parametrize("away", [True, False])
@pytest.mark.parametrize("reasons", [[], ["disk: full"]])
def test_an_issuer_that_is_away_is_told_and_no_reason_to_refuse(away: bool, reasons: list[str]) -> None:
    services: Any = SimpleNamespace(
        jobs=SimpleNamespace(ready=lambda _free: reasons, warnings=list),
        catalogue=SimpleNamespace(current=Catalogue()),
        settings=SimpleNamespace(limits=SimpleNamespace(min_free_disk=1)),
        issuer_away=lambda: away,
    )
    app = Flask("host")
    app.register_blueprint(health.blueprint(services))
    response = app.test_client().get("/readyz")
    assert response.status_code == (503 if reasons else 200)
    document = response.get_json()
    assert document.get("reasons", []) == reasons
    assert document.get("warnings", []) == ([health.ISSUER_AWAY] if away else [])
