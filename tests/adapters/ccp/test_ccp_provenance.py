"""Provenance, read back by the library: both forms hold the same records, and every hash is right."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from prov.model import ProvActivity, ProvDerivation, ProvDocument, ProvEntity
from tests.adapters.ccp.conftest import submit

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from tests.adapters.ccp.conftest import Server


def read(client: FlaskClient, job_id: str) -> Any:
    """The document of a job, the same in both forms."""
    path = f"/executions/{job_id}/metadata"
    as_json, as_xml = client.get(f"{path}/prov.json"), client.get(f"{path}/provo.xml")
    assert (as_json.mimetype, as_xml.mimetype) == ("application/json", "application/xml")
    document = ProvDocument.deserialize(content=as_json.text, format="json")
    assert document == ProvDocument.deserialize(content=as_xml.data, format="xml")
    return document


def words(document: Any, name: str) -> dict[str, str]:
    """The attributes of the entity whose id ends so, by their local names."""
    (entity,) = [each for each in document.get_records(ProvEntity) if str(each.identifier).endswith(name)]
    return {key.localpart: str(value) for key, value in entity.attributes}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_every_output_is_told_with_the_hash_of_its_bytes(client: FlaskClient, server: Server) -> None:
    job_id = submit(client, "raster", {"size": 1000, "ccpnote": "mine"})
    document = read(client, job_id)
    for name in ("image.tif", "points.json", "statistics.json"):
        data = client.get(f"/executions/{job_id}/outputs/{name}").data
        told = words(document, f".output.{name}")
        assert (told["sha256"], told["size"]) == (sha256(data), str(len(data)))
    assert server.engine.get(job_id).outputs["image"].sha256  # kept, so that it is worked out once
    (run,) = document.get_records(ProvActivity)
    assert run.get_startTime() is not None
    assert run.get_endTime() is not None
    assert words(document, "package-raster-1.0.0")["version"] == "1.0.0"


def test_each_file_of_a_list_is_an_output(client: FlaskClient) -> None:
    document = read(client, submit(client, "tiles", {"size": 10}))
    assert words(document, f"output.{'tiles%2F11.png'}")["sha256"] == sha256(bytes([11]) * 10)


def test_inline_inputs_are_hashed_as_compact_json(client: FlaskClient) -> None:
    document = read(client, submit(client, "echo", {"text": "\xe9", "numbers": [7, 8], "ccpnote": "mine"}))
    assert words(document, ".input.text")["sha256"] == sha256('"\xe9"'.encode())
    assert words(document, ".input.text")["value"] == "\xe9"
    assert words(document, ".input.numbers.1")["sha256"] == sha256(b"8")
    assert words(document, ".input.ccpnote")["value"] == "mine"


def test_an_input_by_reference_has_the_hash_that_its_run_kept(client: FlaskClient, server: Server) -> None:
    job_id = submit(client, "echo", {"text": {"href": "data:text/plain,hello"}})
    assert "sha256" not in words(read(client, job_id), ".input.text")
    server.results.save_hashes(job_id, json.dumps({"text": {"0": sha256(b"hello")}}))
    told = words(read(client, job_id), ".input.text")
    assert (told["sha256"], told["href"]) == (sha256(b"hello"), "data:")


@pytest.mark.parametrize("text", ["a]]>&<\"'", "\x00\x0b\ufffe", " padded ", "\r\n\t", "\U0001f30d", ""])
def test_odd_texts_are_the_same_in_both_forms(client: FlaskClient, text: str) -> None:
    document = read(client, submit(client, "echo", {"text": text}))
    assert words(document, ".input.text")["sha256"] == sha256(json.dumps(text, ensure_ascii=False).encode())


def test_a_repetition_is_a_revision_of_the_old_outputs(client: FlaskClient) -> None:
    old = submit(client, "raster", {"size": 1000})
    new = client.post(f"/executions/{old}/re-execute").get_json()["jobID"]
    derivations = read(client, new).get_records(ProvDerivation)
    pairs = {tuple(str(value) for _, value in each.formal_attributes[:2]) for each in derivations}
    assert (
        f"dragoman:execution-{new}.output.image.tif",
        f"dragoman:execution-{old}.output.image.tif",
    ) in pairs
    assert len(pairs) == 3


@pytest.mark.parametrize("process_id", ["slow", "fail"])
def test_without_outputs_it_tells_what_there_is(client: FlaskClient, process_id: str) -> None:
    document = read(client, submit(client, process_id))
    assert words(document, ".input.text")["value"] == "hello"
    assert not [each for each in document.get_records(ProvEntity) if ".output." in str(each.identifier)]


def test_the_library_is_imported_when_it_is_asked_for() -> None:
    code = (
        "import sys, dragoman.adapters.ccp.routes, dragoman.adapters.registry\n"
        "assert not {'prov', 'lxml'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
