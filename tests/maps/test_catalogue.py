"""Who sees which service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mapmaking import make_service
from memoryservices import MemoryServices

from dragoman.errors import NoSuchService
from dragoman.maps.catalogue import MapCatalogue
from dragoman.model.principal import Principal

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.map_service import MapService

ALICE, BOB, ROOT = Principal(id="alice"), Principal(id="bob"), Principal(id="root", admin=True)


class _Own:
    def __init__(self, *services: MapService) -> None:
        self._services = {service.name: service for service in services}

    def services(self) -> dict[str, MapService]:
        return self._services

    def start(self) -> None:
        """They are there."""


@pytest.fixture
def catalogue(tmp_path: Path) -> MapCatalogue:
    """One service of the operator's, one of alice's, one of bob's."""
    store = MemoryServices()
    store.replace("a", [make_service(name="a/map", owner="alice", job_id="a")])
    store.replace("b", [make_service(name="b/map", owner="bob", job_id="b")])
    own = _Own(make_service(name="climate", owner=None, job_id=None, temporary=False))
    return MapCatalogue(home=tmp_path, open_store=lambda: store, own=own)


def test_somebody_elses_service_is_not_there(catalogue: MapCatalogue) -> None:
    names = {who.id: [each.name for each in catalogue.visible_to(who)] for who in (ALICE, BOB, ROOT)}
    assert names == {
        "alice": ["climate", "a/map"],
        "bob": ["climate", "b/map"],
        "root": ["climate", "a/map", "b/map"],
    }
    for who in (ALICE, ROOT):
        assert catalogue.get("a/map", who).owner == "alice"
    with pytest.raises(NoSuchService) as others:
        catalogue.get("a/map", BOB)
    with pytest.raises(NoSuchService) as nobodys:
        catalogue.get("x/map", BOB)
    assert others.value.detail.replace("a/map", "x/map") == nobodys.value.detail


def test_a_key_opens_a_service_for_anybody(catalogue: MapCatalogue) -> None:
    assert catalogue.anybodys("b/map").owner == "bob"
    with pytest.raises(NoSuchService):
        catalogue.anybodys("b")


def test_paths_are_those_of_home(catalogue: MapCatalogue, tmp_path: Path) -> None:
    service = catalogue.get("a/map", ALICE)
    assert service.data == tmp_path / "services/job/map.nc"
    assert service.variables[0].drawn[1] == (tmp_path / "services/job/map.tif", 2)
    assert catalogue.of_job("a") == (service,)
