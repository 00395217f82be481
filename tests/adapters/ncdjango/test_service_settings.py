"""What the operator writes of map services: read as it is meant, refused by its key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from harness import REPOSITORY

from dragoman.adapters.ncdjango.settings import settings_of
from dragoman.adapters.registry import dialect_settings
from dragoman.config.settings import Settings
from dragoman.config.settings_file import load_settings
from dragoman.errors import SettingsError
from dragoman.maps.declarations import ServiceDeclaration
from dragoman.maps.renderers import MIN_MAX

if TYPE_CHECKING:
    from pathlib import Path

type Load = Callable[[Any], Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load the shipped file with these members of ``dialects.ncdjango``."""
    shipped = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text("utf-8"))

    def call(members: Any) -> Settings:
        shipped["server"]["manager"]["dialects"] = {"ncdjango": members}
        shipped["resources"] = {}
        path = tmp_path / "config.yml"
        path.write_text(yaml.safe_dump(shipped), "utf-8")
        return load_settings(path, {}, dialect_settings())

    return call


def test_services_are_read_in_their_order(load: Load, tmp_path: Path) -> None:
    services = {
        "climate/daily": {
            "path": "data/climate.nc",
            "description": "Daily",
            "variables": {"tmax": {"renderer": "min-max"}, "tmin": None, "pr": {}},
        },
        "dem": {"path": "/data/dem.tif"},
    }
    own = settings_of(load({"services": services, "max_temporary_service_age": "2h"}))
    first, second = own.services
    assert own.max_temporary_service_age == 7200
    assert first == ServiceDeclaration(
        name="climate/daily",
        path=tmp_path / "data/climate.nc",
        description="Daily",
        variables={"tmax": MIN_MAX, "tmin": None, "pr": None},
    )
    assert (second.name, str(second.path), second.variables) == ("dem", "/data/dem.tif", {})


def test_the_engine_is_another_where_services_live_for_another_time(load: Load) -> None:
    assert load({}).digest != load({"max_temporary_service_age": 60}).digest


@pytest.mark.parametrize(
    ("members", "key", "told"),
    [
        ({"max_temporary_service_age": "soon"}, "max_temporary_service_age", "a duration"),
        ({"services": []}, "services", "not a mapping"),
        ({"services": {"a b": {"path": "x"}}}, "services.a b", "parts joined by /"),
        ({"services": {"a//b": {"path": "x"}}}, "services.a//b", "parts joined by /"),
        ({"services": {"../a": {"path": "x"}}}, "services.../a", "parts joined by /"),
        ({"services": {"a": {}}}, "services.a.path", "is missing"),
        ({"services": {"a": {"path": "x", "file": "y"}}}, "services.a.file", "path, description, variables"),
        (
            {"services": {"a": {"path": "x", "variables": {"v": {"color": 1}}}}},
            "services.a.variables.v.color",
            "renderer",
        ),
        (
            {"services": {"a": {"path": "x", "variables": {"v": {"renderer": {"type": "x"}}}}}},
            "services.a.variables.v.renderer",
            "stretched, classified, unique",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_its_key(load: Load, members: Any, key: str, told: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(members)
    assert f"dialects.ncdjango.{key}: " in refusal.value.detail
    assert told in refusal.value.detail
