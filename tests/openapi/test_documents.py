from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator

from dragoman.adapters.dialect import ServerInfo
from dragoman.adapters.pesto.routes import ROUTES
from dragoman.adapters.registry import DIALECTS, dialect_settings, documents
from dragoman.composition import catalogue as build
from dragoman.config.settings_file import load_settings
from dragoman.openapi import files
from dragoman.openapi.security import Security

if TYPE_CHECKING:
    from dragoman.model.process import Process
    from dragoman.packages.catalogue import Catalogue

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def served() -> Catalogue:
    return build(load_settings(ROOT / "pygeoapi-config.yml", {}, dialect_settings()))


def test_what_was_written_does_not_drift(tmp_path: Path, catalogue: list[Process]) -> None:
    folder = tmp_path / "openapi"
    files.write(folder, documents(catalogue))
    assert files.drift(folder, documents(catalogue)) == ""
    assert yaml.safe_load((folder / "ogc.yml").read_text())["openapi"] == "3.0.3"


def test_a_change_shows_as_drift(tmp_path: Path, catalogue: list[Process]) -> None:
    files.write(tmp_path, documents(catalogue))
    assert "-  /processes/echo:" in files.drift(tmp_path, documents(catalogue[1:]))
    assert files.drift(tmp_path / "missing", documents(catalogue))


def test_what_one_server_says_of_tokens_is_not_said_of_another(catalogue: list[Process]) -> None:
    before = files.texts(documents(catalogue))
    public = ("health", "landing", "services", "appstore-status", "processes")
    security = Security(issuer="https://else.example", scopes=("geo",), public=public)
    documents(catalogue, ServerInfo(url="http://else.example", title="else", security=security))
    assert files.texts(documents(catalogue)) == before


def test_the_file_is_written_without_anchors(catalogue: list[Process]) -> None:
    tokens = yaml.scan(files.texts(documents(catalogue))["ogc.yml"])
    assert not [token for token in tokens if isinstance(token, yaml.AnchorToken | yaml.AliasToken)]


def test_the_documents_of_the_repository_are_up_to_date(served: Catalogue) -> None:
    assert not served.problems
    drift = files.drift(ROOT / "openapi", documents(served))
    assert not drift, f"run `make openapi`:\n{drift[:2000]}"


def test_the_repository_has_a_document_of_each_dialect_and_no_other() -> None:
    present = {path.stem for path in (ROOT / "openapi").glob("*.yml")}
    assert present == {dialect.name for dialect in DIALECTS}


def test_the_document_of_the_repository_is_valid(served: Catalogue) -> None:
    document = yaml.safe_load((ROOT / "openapi" / "ogc.yml").read_text(encoding="utf-8"))
    OpenAPIV30SpecValidator(document).validate()
    assert {f"/processes/{process.id}/execution" for process in served} <= set(document["paths"])


def test_the_document_of_pesto_is_valid_and_has_every_route() -> None:
    document = yaml.safe_load((ROOT / "openapi" / "pesto.yml").read_text(encoding="utf-8"))
    OpenAPIV30SpecValidator(document).validate()
    served = {
        (f"/api/v1{path}".replace("<job_id>", "{jobID}").replace("<result_id>", "{key}"), method.lower())
        for path, _, handlers, *_public in ROUTES
        for method in handlers
    }
    described = {
        (path, name) for path, item in document["paths"].items() for name in item if name != "parameters"
    }
    assert described == served
