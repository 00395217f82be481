from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from packagekit import load_folder
from pestokit import DEFINITIONS, INPUTS, OUTPUTS, project_files, write_project

from dragoman.errors import PackageError
from dragoman.packages.pesto.program import load_pesto
from dragoman.schemas.value_check import SchemaCheck

if TYPE_CHECKING:
    from pathlib import Path


def test_a_project_is_a_process(tmp_path: Path) -> None:
    process = load_folder(write_project(tmp_path / "p"))
    assert (process.id, process.version, process.title) == ("brighten", "2.1.0", "Brighten")
    assert process.keywords == ("image",)
    assert process.modes == ("sync", "async")
    assert process.resources == {"cpu": 2, "gpu": 0, "ram": 3}
    assert process.config == {"zoom": [16], "padding": 0}
    assert process.runtime.form == "pesto"
    assert (process.runtime.folder, process.runtime.options) == (str(tmp_path / "p"), {})
    assert load_folder(tmp_path / "p", id="mine").id == "mine"


def test_its_inputs_and_outputs_keep_their_order_and_say_what_they_are(tmp_path: Path) -> None:
    process = load_folder(write_project(tmp_path / "p"))
    assert list(process.inputs) == ["scene", "others", "offset", "style", "window", "footprint"]
    assert list(process.outputs) == ["bright", "tiles", "seen", "mean", "note"]
    scene, others = process.inputs["scene"], process.inputs["others"]
    assert (scene.shorthand, scene.min_occurs, scene.max_occurs) == ("raster", 1, 1)
    assert (others.shorthand, others.min_occurs, others.max_occurs) == ("raster", 0, None)
    assert scene.description == "What is brightened"
    assert process.inputs["offset"].schema == {"type": "integer"}
    assert process.inputs["style"].schema["properties"]["of"] == {"enum": ["grey", "blue"]}
    assert "definitions" not in json.dumps(process.inputs["footprint"].schema)
    media_types = [each["contentMediaType"] for each in process.outputs["bright"].schema["oneOf"]]
    assert media_types == ["image/png", "image/tiff; application=geotiff"]
    assert process.outputs["tiles"].schema["type"] == "array"


def test_what_a_describe_document_is_made_of_is_kept_as_it_is_written(tmp_path: Path) -> None:
    material = load_folder(write_project(tmp_path / "p")).dialects["pesto"]
    assert material["input"] == {
        "properties": {name: INPUTS[name] for name in INPUTS if name != "required"},
        "required": ["scene"],
    }
    assert material["output"] == {"properties": OUTPUTS}
    assert material["definitions"] == DEFINITIONS
    assert material["version"] == {"version": "2.1.0", "commit": "abc"}
    assert material["asynchronous"] is False


def test_properties_may_be_inner_ones_and_the_rest_is_said_of_the_whole(tmp_path: Path) -> None:
    files = project_files()
    files["api/output_schema.json"] = {
        "title": "Out",
        "content": "image/png",
        "properties": {"mean": {"type": "number"}},
    }
    process = load_folder(write_project(tmp_path / "p", files))
    assert list(process.outputs) == ["mean"]
    assert process.dialects["pesto"]["output"] == {
        "properties": {"mean": {"type": "number"}},
        "title": "Out",
        "content": "image/png",
    }


def test_profiles_are_merged_in_order(tmp_path: Path) -> None:
    files = project_files()
    files["api/description.big.json"] = {"description": "Big.", "resources": {"cpu": 64}}
    folder = write_project(tmp_path / "p", files)
    process = load_folder(folder, profiles=("stateful", "big"))
    assert process.description == "Big."
    assert process.dialects["pesto"]["asynchronous"] is True
    assert process.resources == {"cpu": 64, "gpu": 0, "ram": 9}
    assert load_folder(folder, profiles=("big", "stateful")).description == "Adds, later."


def test_process_yml_wins_and_has_no_profiles(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    (folder / "process.yml").write_text("version: '3'\noutputs: {out: {schema: {}}}\n")
    (folder / "algorithm.py").write_text("def run():\n    return 1\n")
    assert load_folder(folder).version == "3"
    with pytest.raises(PackageError, match=r"^p: .*no profiles"):
        load_folder(folder, profiles=("stateful",))


def test_a_definition_that_leads_into_itself_ends_somewhere(tmp_path: Path) -> None:
    files = project_files()
    files["api/user_definitions.json"]["palette"] = {
        "type": "object",
        "properties": {"next": {"$ref": "#/definitions/palette"}},
    }
    schema = load_folder(write_project(tmp_path / "p", files)).inputs["style"].schema
    assert schema["properties"]["of"] == {"type": "object", "properties": {"next": {}}}


def test_words_that_ogc_has_none_for_let_more_through_never_less(tmp_path: Path) -> None:
    files = project_files()
    files["api/input_schema.json"]["odd"] = {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "type": "array",
        "items": [{"type": "string"}, {"type": "null"}],
        "not": {"contains": {"const": 7}},
        "additionalItems": False,
    }
    schema = load_folder(write_project(tmp_path / "p", files)).inputs["odd"].schema
    assert schema == {"type": "array", "items": {}}
    assert SchemaCheck(schema).findings(["a", 1, None]) == []


def broken(name: str, content: Any) -> dict[str, Any]:
    return {**project_files(), name: content}


def lacking(name: str, member: str) -> dict[str, Any]:
    files = project_files()
    del files[name][member]
    return files


def with_input(schema: Any) -> dict[str, Any]:
    files = project_files()
    files["api/input_schema.json"]["offset"] = schema
    return files


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (broken("api/config.json", '{\n  "zoom": [16,]\n}'), r"^p/pesto/api/config\.json:2: is not JSON: "),
        (broken("api/version.json", "[]"), r"^p/pesto/api/version\.json:1: is not a JSON object$"),
        (broken("api/config.json", '{"padding": NaN}'), r"^p/pesto/api/config\.json:1: is not JSON: NaN"),
        (broken("api/output_schema.json", None), r"^p/pesto/api/output_schema\.json: is missing$"),
        (broken("build/requirements.json", None), r"^p/pesto/build/requirements\.json: is missing$"),
        (lacking("api/description.json", "email"), r"^p/pesto/api/description\.json:1: lacks email$"),
        (
            broken("api/config.json", {"padding": 999}),
            r"^p/pesto/api/config\.json:2: padding: got 999; .*256",
        ),
        (broken("api/config.json", {}), r"^p/pesto/api/config\.json:1: .*missing: padding"),
        (
            with_input({"$ref": "#/definitions/Picture"}),
            r"^p/pesto/api/input_schema\.json:\d+: offset: the \$ref '#/definitions/Picture' is unknown; known: Image",
        ),
        (
            with_input({"type": "intger"}),
            r"^p/pesto/api/input_schema\.json:\d+: offset: is not a JSON Schema",
        ),
        (with_input("integer"), r"^p/pesto/api/input_schema\.json:\d+: offset: is not a schema"),
        (
            broken("api/input_schema.json", {**INPUTS, "required": ["scen"]}),
            r"input_schema\.json:\d+: required: there is no property 'scen'$",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(
    tmp_path: Path, files: dict[str, Any], message: str
) -> None:
    with pytest.raises(PackageError, match=message) as caught:
        load_folder(write_project(tmp_path / "p", files))
    assert "\n" not in caught.value.detail
    assert str(tmp_path) not in caught.value.detail


def test_a_profile_that_no_file_has_is_refused_naming_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"no profile 'statefull'; there are: stateful$"):
        load_folder(write_project(tmp_path / "p"), profiles=("statefull",))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "class Process:\n    def run(self): ...\n",
            r"^p/algorithm/process\.py:1: class Process has no method process$",
        ),
        ("def process(): ...\n", r"^p/algorithm/process\.py:1: defines no 'Process'"),
        (
            "class A: pass\nclass Process(A):\n    def proces(self): ...\n",
            r"^p/algorithm/process\.py:2: class Process has no method process$",
        ),
        ("class Process\n", r"^p/algorithm/process\.py:1: "),
        ("class Process:\n    async def process(self): ...\n", r"process is async"),
    ],
)
def test_the_class_is_looked_at_without_importing_it(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        load_folder(write_project(tmp_path / "p", code=code))


@pytest.mark.parametrize(
    "code",
    [
        "from algorithm.impl import P\nclass Process(P): pass\n",
        "from algorithm.impl import *\n",
        "from algorithm.impl import *\nclass Process(P): pass\n",
        "import contextlib\nwith contextlib.nullcontext():\n    from algorithm.impl import P as Process\n",
        "try:\n    import no\nexcept ImportError:\n    class Process:\n        def process(self, **q): return {}\n",
        "if False:\n    class Process: pass\nelse:\n    class Process:\n        def process(self, **q): return {}\n",
        "from algorithm.impl import P\ndef Process(): return P()\n",
        "class Process:\n    process = lambda self, **q: {}\n",
        "class Process:\n    if True:\n        def process(self, **q): return {}\n",
        "class Process: pass\ndef f(self, **q): return {}\nProcess.process = f\n",
        "class Process: pass\nsetattr(Process, 'process', lambda self, **q: {})\n",
        "def add(c):\n    c.process = lambda self, **q: {}\n    return c\n@add\nclass Process: pass\n",
        "from algorithm.impl import P\nProcess, other = P, 1\n",
        "def Plain(f): return lambda self, **q: {}\nclass Process:\n    @Plain\n    async def process(self): ...\n",
    ],
)
def test_what_the_source_cannot_tell_is_left_to_the_worker(tmp_path: Path, code: str) -> None:
    folder = write_project(tmp_path / "p", code=code)
    (folder / "algorithm" / "impl.py").write_text(
        "class P:\n    def process(self, **q): return {}\nclass Process(P): pass\n"
    )
    assert load_pesto(load_folder(folder), None).algorithm.run({}) == {}


def test_an_imported_class_without_the_method_is_named_when_it_is_made(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", code="from algorithm.impl import *\n")
    (folder / "algorithm" / "impl.py").write_text("Process = 7\n")
    with pytest.raises(
        PackageError, match=r"^p/algorithm/process\.py: Process is not there, or is no class$"
    ):
        load_pesto(load_folder(folder), None)


@pytest.mark.parametrize(
    ("other", "clash"),
    [("tiles1", True), ("tiles0", True), ("tiles01", False), ("tilesx1", False), ("tiles_1", False)],
)
def test_no_output_has_the_name_of_an_image_in_a_list(tmp_path: Path, other: str, clash: bool) -> None:
    files = project_files()
    files["api/output_schema.json"][other] = {"type": "string"}
    folder = write_project(tmp_path / "p", files)
    if not clash:
        assert other in load_folder(folder).outputs
        return
    with pytest.raises(
        PackageError, match=rf"output_schema\.json:\d+: {other}: .* of the list 'tiles' .*; rename"
    ):
        load_folder(folder)


def test_a_missing_class_file_is_named(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    (folder / "algorithm" / "process.py").unlink()
    with pytest.raises(PackageError, match=r"^p: has no algorithm/process.py"):
        load_folder(folder)


def test_reading_a_project_imports_nothing_heavy(tmp_path: Path) -> None:
    folder = write_project(
        tmp_path / "p", code="raise SystemExit\nclass Process:\n    def process(self): ...\n"
    )
    code = (
        "import sys; from pathlib import Path; from dragoman.packages.forms import BUILT_IN;"
        f"BUILT_IN.load(Path({str(folder)!r}));"
        "print([m for m in ('numpy', 'rasterio', 'xarray', 'flask', 'algorithm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
