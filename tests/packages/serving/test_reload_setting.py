"""The operator decides whether packages follow their files."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from harness import Server

from dragoman import composition
from dragoman.adapters.registry import dialect_settings
from dragoman.config.settings_file import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("reload", [True, False])
def test_files_are_looked_at_if_the_operator_wants_it(tmp_path: Path, reload: bool) -> None:
    server = Server(tmp_path, manager={"reload": reload})
    settings = load_settings(server.config, {}, dialect_settings())
    before = threading.enumerate()
    catalogue = composition.served_catalogue(settings)
    try:
        watching = [each for each in threading.enumerate() if each.name == "packages" and each not in before]
        assert len(watching) == int(reload)
        assert catalogue.get("echo").runtime.source.endswith("processes/echo")
        assert catalogue.get("hello-world").runtime.form == "processor"
    finally:
        catalogue.stop()
