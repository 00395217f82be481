"""Methods as packages: what method.json makes of a process, and the one line that says what is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.composition import FORMS, SCRIPTS_OFF
from dragoman.errors import InputError, PackageError
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.forms import Forms
from dragoman.packages.program import RunLimits
from dragoman.packages.scripts import program
from dragoman.packages.scripts.importing import import_method
from dragoman.packages.scripts.method import read_method
from dragoman.packages.scripts.written_files import outputs_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.packages.conftest import FakeContext

    from dragoman.model.job import Output

type Write = Callable[..., Path]


def method(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": "m-1",
        "version": "1",
        "inputs": {"a": {"schema": {"type": "string", "default": "x"}}},
        "outputs": {},
        "additionalParameters": {"parameters": [{"name": "execute-script", "value": ["echo {{ a }}"]}]},
    }
    return {**data, **changes}


def scripts(**lines: Any) -> dict[str, Any]:
    parameters = [{"name": f"{step}-script", "value": value} for step, value in lines.items()]
    return {"parameters": parameters}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a package; the folder."""

    def write_method(**changes: Any) -> Path:
        folder = tmp_path / "package"
        folder.mkdir(exist_ok=True)
        (folder / "method.json").write_text(json.dumps(method(**changes), indent=1))
        return folder

    return write_method


@pytest.fixture
def run(write: Write, context: FakeContext, tmp_path: Path) -> Callable[..., dict[str, Output]]:
    """Runs a method's scripts with values; the folder is ``tmp_path / out``."""

    def call(changes: dict[str, Any], wanted: Any = None, **values: Any) -> dict[str, Output]:
        loaded = FORMS["script"].program(read_method(write(**changes)).process, RunLimits(), context)
        assert isinstance(loaded, program.ScriptProgram)
        resolved = {name: [ResolvedValue(value=value)] for name, value in values.items()}
        return loaded.run(resolved, context=context, folder=tmp_path / "out", wanted=wanted)

    return call


def test_inputs_are_as_declared_and_reserved_ones_are_not_its_own(write: Write) -> None:
    inputs = {
        "ccpimage": {"schema": {"type": "string", "enum": ["bash", "python:3"]}},
        "ccpreplicas": {"schema": {"type": "string"}},
        "n": {"title": "N", "minOccurs": "1", "maxOccurs": "3", "schema": {"type": "integer"}},
        "many": {"minOccurs": 0, "maxOccurs": "unbounded", "schema": {"type": "string"}},
        "plain": {},
    }
    script = scripts(execute=["echo {{ n }} {{ many }} {{ plain }}"])
    process = read_method(write(inputs=inputs, additionalParameters=script), id="mine").process
    assert process.id == "mine"
    counts = {name: (spec.min_occurs, spec.max_occurs) for name, spec in process.inputs.items()}
    assert counts == {"n": (1, 3), "many": (0, None), "plain": (1, 1)}
    assert process.dialects == {"ccp": {"runtimes": ["bash", "python:3"]}}
    assert process.example is None
    assert process.runtime.stop_seconds is None
    assert read_method(write()).process.example == {"inputs": {"a": "x"}}
    undeploying = scripts(execute="true", undeploy="true")
    assert read_method(write(additionalParameters=undeploying)).process.runtime.stop_seconds


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": 5}, "id: id is missing, or no text"),
        ({"version": ""}, "version: version is missing"),
        ({"inputs": []}, "{{ a }} is no input; allowed: none"),
        ({"inputs": {"a": 3}}, "inputs.a: is no object with a schema"),
        ({"inputs": {"a": {"schema": {"type": "text"}}}}, "inputs.a.schema.type:"),
        ({"inputs": {"a": {"schema": {"type": "integer", "default": "x"}}}}, "inputs.a.schema.default:"),
        (
            {"inputs": {"a": {"maxOccurs": "many"}}},
            "inputs.a.maxOccurs: got 'many'; allowed: a number from 1",
        ),
        ({"additionalParameters": {}}, "there is no execute-script"),
        ({"additionalParameters": scripts(deploy=["true"])}, "there is no execute-script"),
        (
            {"additionalParameters": scripts(execute=[1])},
            "parameters[0].value: the execute-script is no list",
        ),
        (
            {"additionalParameters": scripts(execute=["true", "echo {{ b }}"])},
            "parameters[0].value: line 2 of the execute-script: {{ b }} is no input; allowed: a",
        ),
        (
            {"additionalParameters": scripts(deploy=["if true"], execute=["true"])},
            "parameters[0].value: the deploy-script: line",
        ),
    ],
)
def test_a_bad_method_is_one_line_with_file_and_key(write: Write, changes: Any, words: str) -> None:
    with pytest.raises(PackageError) as refused:
        FORMS.load(write(**changes))
    assert refused.value.detail.startswith("package/method.json:")
    assert words in refused.value.detail
    assert "\n" not in refused.value.detail


@pytest.mark.parametrize(
    ("text", "words"), [("{\n", "m.json:2: is no JSON"), ("[]", "m.json: is no JSON object")]
)
def test_what_is_no_method_is_not_imported(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(PackageError, match=words):
        import_method(tmp_path / "m.json", tmp_path)


def test_a_method_is_imported_once_under_its_id(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps(method(title="Grüße")))
    folder = import_method(file, tmp_path)
    assert folder == tmp_path / "m-1"
    assert FORMS.load(folder).title == "Grüße"
    with pytest.raises(PackageError, match="m-1: is there already"):
        import_method(file, tmp_path)
    file.write_text(json.dumps(method(id="../up")))
    with pytest.raises(PackageError, match="as a folder's name"):
        import_method(file, tmp_path)
    file.write_text(json.dumps(method(id="bad", additionalParameters=scripts(execute="{{ no }}"))))
    with pytest.raises(PackageError, match="is no input"):
        import_method(file, tmp_path)
    assert not (tmp_path / "bad").exists()


def test_where_scripts_are_off_every_method_is_refused(write: Write) -> None:
    off = Forms(tuple((name, SCRIPTS_OFF if name == "script" else place) for name, place in FORMS.places))
    with pytest.raises(PackageError, match=r"package/method\.json: .*script_methods: true"):
        off.load(write())
    process = FORMS.load(write())
    with pytest.raises(PackageError, match="script_methods"):
        off["script"].program(process, RunLimits(), None)  # type: ignore[arg-type]  # it is not looked at


def test_values_of_every_kind_are_texts_for_a_script(run: Any, tmp_path: Path) -> None:
    inputs = {
        "object": {"schema": {"type": "object"}},
        "many": {"maxOccurs": 3, "schema": {"type": "string"}},
        "flag": {"schema": {"type": "boolean"}},
        "absent": {"minOccurs": 0, "schema": {"type": "string"}},
    }
    script = scripts(execute=["printf '%s\\n' {{ object }} {{ many }} {{ flag }} {{ absent }} > all"])
    run({"inputs": inputs, "additionalParameters": script}, object={"ü": [1, 2.5]}, many="a", flag=True)
    assert (tmp_path / "out/all").read_text() == '{"ü":[1,2.5]}\n["a"]\ntrue\n\n'


def test_a_nul_is_refused_by_name(run: Any) -> None:
    with pytest.raises(InputError, match=r"'a'.*NUL"):
        run({}, a="x\0y")


def test_files_are_found_by_path_name_or_type_and_the_rest_is_a_list(run: Any, context: FakeContext) -> None:
    outputs = {
        "one": {"metadata": [{"role": "file", "href": "/ccp_data/sub/first.txt"}]},
        "two": {"schema": {"type": "string"}},
        "three": {"schema": {"type": "string", "contentMediaType": "text/csv"}},
        "gone": {"metadata": [{"role": "file", "title": "never.txt"}]},
        "files": {"schema": {"type": "string"}},
    }
    script = scripts(
        execute="mkdir sub; touch sub/first.txt two.json table.csv x.txt output.zip 'new\nline' files"
    )
    found = run({"outputs": outputs, "additionalParameters": script})
    assert {name: output.file for name, output in found.items()} == {
        "one": "sub/first.txt",
        "two": "two.json",
        "three": "table.csv",
        "files": "files",
        "files_": None,
    }
    assert [item.file for item in found["files_"].items] == ["new_line", "output_.zip", "x.txt"]
    assert found["three"].media_type == "text/csv"
    assert context.notices == ["output 'gone': the scripts have written no file for it"]


def test_only_what_is_wanted_stays(run: Any, tmp_path: Path) -> None:
    script = scripts(execute="touch a b; ln -s /etc/passwd link; mkfifo pipe")
    found = run({"outputs": {"a": {}}, "additionalParameters": script}, wanted=["a"])
    assert list(found) == ["a"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    empty = read_method(tmp_path / "package")
    (tmp_path / "none").mkdir()
    assert outputs_of(empty, tmp_path / "none", None)["files"].value == []


def test_a_deploy_that_fails_skips_the_execution_and_undeploys(run: Any, tmp_path: Path) -> None:
    script = scripts(deploy="exit 4", execute="touch executed", undeploy="touch undeployed; exit 1")
    with pytest.raises(Exception, match="the deploy-script ended with exit code 4"):
        run({"additionalParameters": script})
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["undeployed"]


def test_undeploying_takes_no_longer_than_it_may(
    run: Any, context: FakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "UNDEPLOY_SECONDS", 0.2)
    script = scripts(execute="touch executed", undeploy="touch begun; sleep 1000 & sleep 1000")
    run({"additionalParameters": script})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["begun", "executed"]
    assert context.notices == ["the undeploy-script was ended after 0 s"]


def test_the_author_is_told_of_paths_that_containers_have(write: Write) -> None:
    script = scripts(execute="cp result /ccp_data/")
    (note,) = FORMS["script"].notes(read_method(write(additionalParameters=script)).process)
    assert "$ccpdata" in note
    assert FORMS["script"].notes(read_method(write()).process) == ()


def test_scripts_do_not_see_what_the_server_is_configured_by(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGOMAN_DATABASE_URL", "postgresql://u:secret@h/d")
    monkeypatch.setenv("GREETING", "hello")
    run({"additionalParameters": scripts(execute='echo "$DRAGOMAN_DATABASE_URL|$GREETING" > $ccpdata/env')})
    assert (tmp_path / "out" / "env").read_text() == "|hello\n"


def test_what_ccp_has_in_the_environment(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = scripts(
        execute='echo "$ccpdata|$PWD|$ccptaskid|$CCP_TASK_ID|[$ccpcontext]|$BASH_ENV" > $ccpdata/env'
    )
    run({"additionalParameters": script})
    out = tmp_path / "out"
    assert (out / "env").read_text() == f"{out}|{out}|0|0|[]|\n"
