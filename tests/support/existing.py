"""An existing pygeoapi: its configuration, what it answers without dragoman, and what it answers with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from harness import HANG, Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OBSERVATIONS = """\
id,stn_id,datetime,value,lat,long
371,35,2001-10-30T14:24:55Z,89.9,45,-75
377,35,2002-10-30T18:31:38Z,93.9,45,-75
238,2147,2007-10-30T08:57:29Z,103.5,43,-79
297,2147,2003-10-30T07:37:29Z,93.5,43,-79
964,604,2000-10-30T18:24:39Z,99.9,49,-122
"""
LANDING = """\
<h1>{{ data['title'] }}: our own page</h1>
{% for link in data['links'] %}<a rel="{{ link.rel }}" href="{{ link.href }}">{{ link.title }}</a>
{% endfor %}
"""
ASKING = """
import importlib.metadata, json, sys
real = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **g: [] if g.get("group") == "pygeoapi" else real(**g)
from pygeoapi.flask_app import APP
assert "dragoman" not in sys.modules
client = APP.test_client()
answers = []
for path, headers in json.load(sys.stdin):
    answer = client.get(path, headers=headers)
    answers.append([answer.status_code, dict(answer.headers), answer.get_data().decode("latin-1")])
print()
print(json.dumps(answers))
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer to a GET."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.body)


class Existing(Server):
    """A pygeoapi that serves a collection, processes of its own, and pages of its own, to which dragoman came."""

    def __init__(self, folder: Path, **server: Any) -> None:
        super().__init__(folder)
        (folder / "obs.csv").write_text(OBSERVATIONS)
        (folder / "templates").mkdir()
        (folder / "templates" / "landing_page.html").write_text(LANDING)
        config = yaml.safe_load(self.config.read_text())
        manager = config["server"].pop("manager")
        config["server"] |= {
            "languages": ["en-US", "fr-CA"],
            "pretty_print": True,
            "api_rules": {"api_version": "1.2.3", "version_header": "X-API-Version"},
            "templates": {"path": str(folder / "templates")},
            **server,
        }
        config["metadata"]["identification"] |= {
            "title": {"en": "An instance", "fr": "Une instance"},
            "description": {"en": "Geospatial data", "fr": "Données géospatiales"},
            "keywords": {"en": ["data"], "fr": ["données"]},
        }
        config["resources"] = {
            "obs": collection(folder / "obs.csv"),
            "lax": {"type": "process", "processor": {"name": "lax_processor.LaxProcessor"}},
            "hello-world": {"type": "process", "processor": {"name": "HelloWorld"}},
        }
        self.before = folder / "before.yml"
        """The configuration as it was before dragoman came."""
        self.before.write_text(yaml.safe_dump(config))
        config["server"]["manager"] = manager
        self.config.write_text(yaml.safe_dump(config))

    def environment(self) -> dict[str, str]:
        """With the folder of the operator's own processor."""
        return {**super().environment(), "PYTHONPATH": str(Path(__file__).parent)}

    def without_dragoman(self, asked: Sequence[tuple[str, Mapping[str, str]]]) -> list[Answer]:
        """What pygeoapi alone answers to each GET, in a process that dragoman is not in."""
        environment = {**self.environment(), "PYGEOAPI_CONFIG": str(self.before)}
        environment["PYGEOAPI_OPENAPI"] = str(self.folder / "before-openapi.yml")
        subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "pygeoapi"), "openapi", "generate", self.before,
             "--output-file", environment["PYGEOAPI_OPENAPI"]],
            env=environment, check=True, timeout=HANG, capture_output=True,
        )  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", ASKING],
            env=environment, input=json.dumps(asked), check=True, timeout=HANG, capture_output=True, text=True,
        )  # fmt: skip
        answers = json.loads(done.stdout.splitlines()[-1])  # after what pygeoapi logs
        return [
            Answer(status=status, headers=headers, body=body.encode("latin-1"))
            for status, headers, body in answers
        ]


def collection(data: Path) -> dict[str, Any]:
    """A collection of features as an operator declares it."""
    return {
        "type": "collection",
        "title": {"en": "Observations", "fr": "Observations en français"},
        "description": {"en": "My observations", "fr": "Mes observations"},
        "keywords": {"en": ["observations"], "fr": ["observations"]},
        "links": [
            {"type": "text/csv", "rel": "canonical", "title": "data", "href": "https://example.org/obs.csv"}
        ],
        "extents": {
            "spatial": {
                "bbox": [-180, -90, 180, 90],
                "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            },
            "temporal": {"begin": "2000-10-30T18:24:39Z", "end": "2007-10-30T08:57:29Z"},
        },
        "providers": [
            {
                "type": "feature",
                "name": "CSV",
                "data": str(data),
                "id_field": "id",
                "geometry": {"x_field": "long", "y_field": "lat"},
            }
        ],
    }
