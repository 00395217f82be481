"""The recorded server's map services, here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mapserver import map_application, recorded_services

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from mapserver import LocalDesk


@pytest.fixture(scope="session")
def map_server(tmp_path_factory: pytest.TempPathFactory) -> tuple[FlaskClient, LocalDesk]:
    """A client, and what draws for it."""
    folder = tmp_path_factory.mktemp("maps")
    app, desk = map_application(folder, *recorded_services(folder))
    return app.test_client(), desk


@pytest.fixture
def client(map_server: tuple[FlaskClient, LocalDesk]) -> FlaskClient:
    return map_server[0]


@pytest.fixture
def desk(map_server: tuple[FlaskClient, LocalDesk]) -> LocalDesk:
    return map_server[1]
