"""Processes that come with dragoman are named by ``dragoman:NAME``, wherever it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import REPOSITORY

from dragoman.adapters.registry import dialect_settings
from dragoman.config.bundled import PREFIX, bundled_names, package_folder
from dragoman.config.settings_file import load_settings
from dragoman.errors import SettingsError

SHIPPED = (REPOSITORY / "pygeoapi-config.yml").read_text("utf-8")
STARTER = (REPOSITORY / "plugins/dragoman/config/starter.yml").read_text("utf-8")


def test_each_name_leads_to_its_folder() -> None:
    folders = sorted(file.parent for file in (REPOSITORY / "processes").glob("*/process.yml"))
    assert [package_folder(PREFIX + name, Path("/elsewhere")) for name in bundled_names()] == folders


def test_any_other_text_is_a_path() -> None:
    assert package_folder("a/../b", Path("/etc")) == Path("/etc/b")
    assert package_folder("/c", Path("/etc")) == Path("/c")


@pytest.mark.parametrize("name", ["ndwi", "", "../processes/ndvi", "ndvi/examples"])
def test_a_name_that_is_none_is_refused_with_those_that_are(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.yml"
    path.write_text(STARTER.replace("dragoman:ndvi", f"'dragoman:{name}'"), "utf-8")
    with pytest.raises(SettingsError) as refusal:
        load_settings(path, {}, dialect_settings())
    assert f"{path}:" in refusal.value.detail
    assert "resources.ndvi.processor.package: " in refusal.value.detail
    assert "dragoman:raster-calculator" in refusal.value.detail


def test_the_starter_is_what_the_repository_serves() -> None:
    assert SHIPPED.replace("package: processes/", f"package: {PREFIX}") == STARTER
