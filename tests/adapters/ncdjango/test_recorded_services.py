"""The dialogues that the real server's map services were recorded in: statuses, keys, types, values, pictures."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pytest
from mapserver import CLASSIFIED_JOB, JOB
from PIL import Image

if TYPE_CHECKING:
    from flask.testing import FlaskClient

RECORDED = Path(__file__).parents[2] / "maps" / "recorded"
BETTER = {
    "data-values-at-point__x_-115.1_y_35.1": {"values": [2378.0]},  # real: 500, of a variable without time
}
"""What we answer where the real server fails."""
TOLERANCE = 1e-9


class Dialogue(NamedTuple):
    name: str
    path: str
    query: dict[str, str]
    status: int
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def dialogue(path: Path) -> Dialogue:
    head, _, rest = path.read_bytes().partition(b"\n")
    line = re.match(r"### curl -i (\S+)(?: -G --data-urlencode (\w+)=(.*))?$", head.decode())
    assert line is not None
    url = urlsplit(line[1])
    query = dict(part.split("=", 1) for part in url.query.split("&") if part)
    if line[2]:
        query[line[2]] = line[3]
    headers, _, body = rest.replace(
        b"\r\n", b"\n", rest[: rest.index(b"\r\n\r\n") + 4].count(b"\r\n")
    ).partition(b"\n\n")
    return Dialogue(path.stem, url.path, query, int(headers.split()[1]), body)


DIALOGUES = [dialogue(path) for path in sorted(RECORDED.glob("*.http"))]
DOCUMENTS = [each for each in DIALOGUES if "export" not in each.name and each.name != "svc-catalog"]


def similar(theirs: Any, ours: Any, place: str = "") -> None:
    """Assert that ours has all that theirs has, of the same types and values; more members are harmless."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), place
        for name, member in theirs.items():
            assert name in ours, f"{place}.{name}"
            if name == "imageData":
                same_picture(member, ours[name])
            else:
                similar(member, ours[name], f"{place}.{name}")
    elif isinstance(theirs, list):
        assert len(theirs) == len(ours), place
        for number, member in enumerate(theirs):
            similar(member, ours[number], f"{place}[{number}]")
    elif isinstance(theirs, float | int) and not isinstance(theirs, bool):
        assert isinstance(ours, float | int), place
        assert abs(theirs - ours) <= TOLERANCE * max(1, abs(theirs)), f"{place}: {theirs} {ours}"
    else:
        assert theirs == ours, place


def same_picture(theirs: str, ours: str) -> None:
    """Within some grey levels: the real ramp is drawn at a hundred pixels, and made smaller with a filter."""
    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each))).convert("RGBA")).astype(int)
        for each in (theirs, ours)
    )
    assert first.shape == second.shape
    assert np.abs(first - second).max() <= 24


@pytest.mark.parametrize("recorded", DOCUMENTS, ids=[each.name for each in DOCUMENTS])
def test_documents(client: FlaskClient, recorded: Dialogue) -> None:
    response = client.get(recorded.path, query_string=recorded.query)
    if recorded.name in BETTER:
        assert response.status_code == 200
        assert response.json == BETTER[recorded.name]
        return
    assert response.status_code == recorded.status
    assert response.content_type == "application/json"
    assert response.json is not None
    similar(recorded.document, response.json)
    if not isinstance(recorded.document, list):
        order = [name for name in response.json if name in recorded.document]
        assert order == list(recorded.document)


def test_the_catalogue(client: FlaskClient) -> None:
    for path in ("/arcgis/rest/services", "/arcgis/rest/services/"):
        response = client.get(path)
        assert response.status_code == 200
        document = response.json
        assert document is not None
        assert document["currentVersion"] == "10.1"
        assert document["folders"] == ["folder", CLASSIFIED_JOB, JOB] or document["folders"] == [
            "folder",
            JOB,
            CLASSIFIED_JOB,
        ]
        assert {"name": "climate-service", "type": "MapServer"} in document["services"]
    assert b'", "' in response.data  # a blank after each comma


@pytest.mark.parametrize("name", ["svc-export", "svc-export-styles"])
def test_pictures(client: FlaskClient, name: str) -> None:
    (recorded,) = [each for each in DIALOGUES if each.name == name]
    response = client.get(recorded.path, query_string=recorded.query)
    assert response.status_code == 200
    assert response.content_type == "image/png"
    theirs, ours = (
        np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).astype(int)
        for content in ((RECORDED / f"{name}.png").read_bytes(), response.data)
    )
    inner = np.arange(len(theirs)) % 5 != 2 if name == "svc-export-styles" else slice(None)
    assert np.abs(theirs - ours)[inner][:, inner].max() <= 1


def test_a_bad_bbox(client: FlaskClient) -> None:
    (recorded,) = [each for each in DIALOGUES if each.name == "svc-export-badbbox"]
    response = client.get(recorded.path, query_string=recorded.query)
    assert response.status_code == recorded.status == 400
    assert response.json == {
        "error": {
            "code": 400,
            "message": "bbox: got 'a,b,c,d'; allowed: xmin,ymin,xmax,ymax or an envelope in JSON, "
            "the greater after the less",
            "details": [],
        }
    }
