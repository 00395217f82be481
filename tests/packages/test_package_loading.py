from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.errors import PackageError
from dragoman.packages.native.loader import load_package

if TYPE_CHECKING:
    from pathlib import Path


FULL = """
id: own-id
version: 1.2.3
title: A title
keywords: [a, b]
links: [{href: "https://example.org/", rel: about}]
modes: [async]
timeout: 1h
memory_limit: 4GiB
resources: {cpu: 1, ram: 2, gpu: 0}
config: {chunk: 2048}
config_schema: {type: object, properties: {chunk: {type: integer}}}
inputs:
  red: {title: Red, schema: raster}
  band: {schema: {type: integer, exclusiveMinimum: 0, default: 1}, minOccurs: 1}
  more: {schema: raster, minOccurs: 0, maxOccurs: unbounded}
outputs:
  out: {schema: raster}
  stats: {schema: {type: object, properties: {mean: {type: [number, "null"]}}}}
dialects: {pesto: {family: vegetation}}
"""
FULL_RUN = """
def run(red, band=1, more=(), *, context):
    return {}
"""


def test_a_whole_package_is_read(make_package: Any) -> None:
    folder = make_package(FULL, FULL_RUN)
    process = load_package(folder)
    assert process.id == "own-id"
    assert (process.version, process.title, process.keywords) == ("1.2.3", "A title", ("a", "b"))
    assert process.modes == ("async",)
    assert (process.timeout, process.runtime.memory_limit) == (3600, 4 * 2**30)
    assert list(process.inputs) == ["red", "band", "more"]
    assert process.inputs["red"].shorthand == "raster"
    assert process.inputs["red"].schema["contentMediaType"] == "image/tiff; application=geotiff"
    assert process.inputs["band"].min_occurs == 0
    assert process.inputs["band"].schema["exclusiveMinimum"] is True
    assert process.inputs["more"].max_occurs is None
    assert process.outputs["stats"].schema["properties"]["mean"] == {"type": "number", "nullable": True}
    assert process.runtime.form == "native"
    assert process.runtime.folder == str(folder)
    assert process.runtime.entry == "algorithm:run"
    assert len(process.runtime.digest) == 64
    assert process.config == {"chunk": 2048}
    assert process.dialects == {"pesto": {"family": "vegetation"}}


def test_the_operators_id_wins_and_the_folders_name_is_the_default(make_package: Any) -> None:
    folder = make_package()
    assert load_package(folder).id == "demo"
    assert load_package(folder, id="other").id == "other"


# The version in line 1 and an output in line 2; each case adds from line 3, or stands alone.
HEAD = "version: '1'\noutputs: {a: {schema: raster}}\n"
MISTAKES = {
    "version: 1.0\noutputs: {a: {schema: raster}}": "process.yml:1: version: got 1.0; allowed: a string",
    "version: '1'\noutputs:\n  a: {schema: rastr}": (
        'process.yml:3: outputs.a.schema: got "rastr"; allowed: raster, netcdf, features, bbox, or a JSON S'
    ),
    "version: '1'\noutputs:\n  a:\n    schema:\n      type: int": (
        'process.yml:5: outputs.a.schema.type: got "int"; allowed: array, boolean, integer, number, object'
    ),
    "version: '1'\noutputs:\n  a:\n    schema:\n      minumum: 1": (
        'process.yml:5: outputs.a.schema.minumum: "minumum" is unknown; allowed: title'
    ),
    HEAD + "vershion: 2": 'process.yml:3: vershion: "vershion" is unknown; allowed: id, version',
    "outputs: {a: {schema: raster}}": 'process.yml:1: got {"outputs": {"a": {"schema": "raster"}}}; missing',
    "": "process.yml:1: got null; allowed: a process description",
    HEAD + "version: '2'": "process.yml:3: version: occurs twice, first in line 1",
    HEAD + "inputs:\n  1: {}": "process.yml:4: inputs: the key '1' is not a string; put it in quotes",
    "version: [": "process.yml:1: ",
    HEAD + "timeout: 5 weeks": "process.yml:3: timeout: got '5 weeks'; allowed: a number of seconds",
    HEAD + "memory_limit: 4GB": "process.yml:3: memory_limit: got '4GB'; allowed: a number of bytes",
    HEAD + "modes: [sync, later]": 'process.yml:3: modes[1]: got "later"; allowed: sync, async',
    HEAD + "config: {n: x}\nconfig_schema: {properties: {n: {type: integer}}}": (
        'process.yml:3: config.n: got "x"; allowed: an integer'
    ),
    HEAD + "config_schema:\n  type: intt": (
        'process.yml:4: config_schema.type: got "intt"; allowed: array, boolean, integer, null, number, object, string,'
        " or an array, 1 or more items"
    ),
    "version: '1'\noutputs: {}": "process.yml:2: outputs: got {}; allowed: an object, 1 or more members",
    HEAD + "links: [x]": 'process.yml:3: links[0]: got "x"; allowed: a link (an object with href)',
    HEAD + "metadata: x": (
        'process.yml:3: metadata: got "x"; allowed: an array (each: a metadata entry '
        "(an object that may hold title, role, href))"
    ),
    "version: '1'\noutputs: {a: {schema: {type: nubmer}}}": (
        'process.yml:2: outputs.a.schema.type: got "nubmer"; allowed: array, boolean, integer, number, object, '
        "string, or an array, 1 or more items"
    ),
    HEAD + "inputs:\n  n:\n    schema: {type: integer, default: x}": (
        'process.yml:5: inputs.n.schema.default: got "x"; allowed: an integer'
    ),
    HEAD + "inputs:\n  n: {schema: raster, minOccurs: 3, maxOccurs: 2}": (
        "process.yml:4: inputs.n.minOccurs: got 3; allowed: at most maxOccurs, 2"
    ),
    "version: '1'\noutputs:\n  n: {schema: raster, minOccurs: 3, maxOccurs: 2}": (
        "process.yml:3: outputs.n.minOccurs: got 3; allowed: at most maxOccurs, 2"
    ),
    "version: '1'\noutputs:\n  n: {schema: raster, minOccurs: 0}": (
        "process.yml:3: outputs.n.minOccurs: got 0; allowed: 1, or a schema with nullable: true"
    ),
    HEAD + "inputs:\n  a b: {schema: raster}": 'process.yml:4: inputs.a b: got "a b"; allowed: a string',
    HEAD + "inputs:\n  n: raster": 'process.yml:4: inputs.n: got "raster"; allowed: an input',
    HEAD + "inputs:\n  context: {schema: raster}": (
        "process.yml:4: inputs.context: the name is taken by the algorithm's context"
    ),
    HEAD + "inputs:\n  a-b: {schema: raster}\n  a_b: {schema: raster}": (
        "process.yml:5: inputs.a_b: 'a-b' and 'a_b' are one parameter of run"
    ),
    HEAD + "config: &a {b: *a}": "process.yml:3: an alias may not contain itself",
    HEAD + "config: {n: .nan}": "process.yml:3: config.n: .nan is not a finite number",
    HEAD + "entry: algorithm:go": "algorithm.py:1: defines no 'go', the entry of the process",
}


LAUGHS = "&x0 [a]\n" + "\n".join(f"  n{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 14))
MISTAKES |= {
    HEAD + "config: " + "[" * 3000 + "]" * 3000: "process.yml:1: is nested too deeply; allowed: 64 levels",
    HEAD
    + "config: "
    + "{a: " * 100
    + "1"
    + "}" * 100: "process.yml:3: is nested too deeply; allowed: 64 levels",
    HEAD
    + "config:\n  n0: "
    + LAUGHS: "process.yml:10: holds too much with its aliases written out; allowed: 250000",
    HEAD
    + "config:\n  n0: "
    + LAUGHS.replace("&x0 [a]", "&x0 {a: b}").replace(" [", " {<<: [").replace("]", "]}"): (
        "process.yml:9: holds too much with its aliases written out"
    ),
}


@pytest.mark.parametrize(("yml", "told"), MISTAKES.items(), ids=[text[-60:] for text in MISTAKES])
def test_a_mistake_is_one_line_that_names_file_line_and_key(make_package: Any, yml: str, told: str) -> None:
    folder = make_package(yml, "def run(**inputs): ...")
    with pytest.raises(PackageError) as raised:
        load_package(folder)
    assert raised.value.detail.startswith(f"demo/{told}")
    assert "\n" not in raised.value.detail
    assert str(folder) not in raised.value.detail


@pytest.mark.parametrize(
    ("py", "told"),
    [
        (
            "import x\ndef run(nam): ...",
            "demo/algorithm.py:2: run: parameter 'nam' is no input; inputs: name",
        ),
        ("def run(): ...", "demo/algorithm.py:1: run: input 'name' has no parameter 'name'"),
        (
            "def run(name, /): ...",
            "demo/algorithm.py:1: run: parameters are given by name: no '/' and no *args",
        ),
        ("async def run(name): ...", "demo/algorithm.py:1: run is async; it has to be a plain function"),
        ("def run(name: ...", "demo/algorithm.py:1: '(' was never closed"),
        ("x = 1", "demo/algorithm.py:1: defines no 'run' or 'Algorithm', the entry of the process"),
        ("class Algorithm:\n  pass", "demo/algorithm.py:1: class Algorithm has no method run"),
        (
            "class Algorithm:\n  def run(self, other): ...",
            "demo/algorithm.py:2: run: parameter 'other' is no input",
        ),
    ],
)
def test_the_signature_of_run_has_to_fit(make_package: Any, py: str, told: str) -> None:
    folder = make_package(py=py)
    with pytest.raises(PackageError) as raised:
        load_package(folder)
    assert raised.value.detail.startswith(told)


@pytest.mark.parametrize(
    "py",
    [
        "def run(name, *, context): ...",
        "def run(name, extra=1, **more): ...",
        "from neighbour import run",
        "class Base:\n  def run(self, name): ...\nclass Algorithm(Base): ...",
        "class Algorithm:\n  def run(self, name): ...",
        "from neighbour import *",
        "from neighbour import Base\nclass Algorithm(Base): pass",
        "class Algorithm:\n  run = lambda self, name: 1",
        "if 0:\n  def run(): ...\nelse:\n  def run(name): ...",
        "def plain(f): ...\n@plain\nasync def run(other): ...",
        "try:\n  import x\nexcept ImportError:\n  pass\nif True:\n  def run(name): ...",
    ],
)
def test_these_signatures_fit(make_package: Any, py: str) -> None:
    load_package(make_package(py=py))


def test_an_optional_input_needs_a_default_or_none(make_package: Any) -> None:
    yml = "version: '1'\ninputs: {n: {schema: {type: integer}, minOccurs: 0}}\noutputs: {a: {schema: raster}}"
    load_package(make_package(yml, "def run(n: int | None): ..."))
    load_package(make_package(yml, "def run(n): ..."))
    with pytest.raises(PackageError, match=r"needs a default, or X \| None"):
        load_package(make_package(yml, "def run(n: int): ..."))


def test_ids_that_are_no_names_of_python_become_some(make_package: Any) -> None:
    yml = "version: '1'\ninputs: {a-b: {schema: bbox}, class: {schema: bbox}}\noutputs: {a: {schema: bbox}}"
    load_package(make_package(yml, "def run(a_b, class_): ..."))


def test_the_digest_follows_the_files(make_package: Any) -> None:
    folder: Path = make_package()
    before = load_package(folder).runtime.digest
    cache = folder / "__pycache__"
    cache.mkdir()
    (cache / "algorithm.pyc").write_bytes(b"x")
    assert load_package(folder).runtime.digest == before
    (folder / "table.csv").write_text("1")
    changed = load_package(folder).runtime.digest
    assert changed != before
    (folder / "table.csv").rename(folder / "other.csv")
    assert load_package(folder).runtime.digest not in (before, changed)


def test_dates_stay_text_and_exponents_are_numbers(make_package: Any) -> None:
    yml = "version: 2024-05-06\nconfig: {e: 1e-5, d: 2024-01-01}\noutputs: {greeting: {schema: {}}}"
    process = load_package(make_package(yml, "def run(): ..."))
    assert process.version == "2024-05-06"
    assert process.config == {"e": 1e-5, "d": "2024-01-01"}


def test_describing_and_validating_import_nothing_heavy(make_package: Any) -> None:
    code = (
        "import sys; from pathlib import Path; from dragoman.packages import catalogue, forms, validation;"
        f"forms.BUILT_IN.load(Path({str(make_package())!r}));"
        "print([m for m in ('numpy', 'rasterio', 'xarray', 'flask', 'pygeoapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_example_that_names_what_is_not_there_is_refused(make_package: Any) -> None:
    folder = make_package(small="title: x\ninputs:\n  nam: Ada\n")
    with pytest.raises(
        PackageError, match=r"^demo/examples/small.yml:3: inputs.nam: is unknown; allowed: name$"
    ):
        load_package(folder)
    folder = make_package(small="inputs:\n  name: {file: gone.txt}\n")
    with pytest.raises(PackageError, match=r"small.yml:2: inputs.name: there is no file 'gone.txt' beside"):
        load_package(folder)


def test_the_example_is_the_first_that_stands_alone(make_package: Any) -> None:
    folder = make_package(a="inputs: {name: {file: n.txt}}\n", b="inputs: {name: Ada}\n")
    (folder / "examples" / "n.txt").write_text("Bob")
    assert load_package(folder).example == {"inputs": {"name": "Ada"}}
    (folder / "examples" / "b.yml").unlink()
    value = {"value": "Qm9i", "encoding": "base64", "mediaType": "text/plain"}
    assert load_package(folder).example == {"inputs": {"name": value}}
    (folder / "examples" / "n.txt").write_text("B" * 70_000)
    assert load_package(folder).example is None


def test_requirements_that_are_not_installed_are_told_at_once(make_package: Any) -> None:
    def loaded(*requirements: str) -> object:
        items = ", ".join(f'"{requirement}"' for requirement in requirements)
        yml = f"version: '1'\nrequirements: [{items}]\noutputs: {{out: {{schema: {{}}}}}}\n"
        return load_package(make_package(yml, "def run(): ..."))

    assert loaded("numpy", "NumPy>=1", "no-such-thing; python_version < '3'")
    with pytest.raises(PackageError) as raised:
        loaded("numpy", "no-such-thing>=2", "numpy<1")
    assert raised.value.detail.startswith(
        "demo/process.yml:2: requirements: no-such-thing>=2 is not installed, numpy<1 is needed, but "
    )
    with pytest.raises(
        PackageError, match=r"demo/process.yml:2: requirements\[?.?0\]?: got 'a b'; allowed: such as"
    ):
        loaded("a b")
