"""`dragoman test --accept`: what comes out becomes what is expected, and nothing else in an example changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dragoman.model.job import Output
from dragoman.packages.native.examples import Example, compare, load_examples
from dragoman.packages.native.form import example_trials
from dragoman.packages.native.golden import accept
from dragoman.packages.native.loader import load_package

if TYPE_CHECKING:
    from pathlib import Path

YML = "version: '1'\noutputs: {number: {schema: {}}, table: {schema: {}}}\n"
INPUTS = "# a comment\ntitle: A\n"


@pytest.fixture
def results(tmp_path: Path) -> tuple[dict[str, Output], Path]:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "table.csv").write_text("a,b\n")
    table = Output(id="table", media_type="text/csv", file="table.csv", size=4)
    return {"number": Output(id="number", media_type="application/json", value=1.5), "table": table}, folder


def example(make_package: Any, text: str, **files: str) -> Example:
    folder = make_package(YML, "def run(): ...", a=text) if not files else make_package(YML, "def run(): ...")
    for name, content in files.items():
        (folder / "examples" / name.replace("_", ".")).write_text(content)
    (folder / "examples" / "a.yml").write_text(text)
    (loaded,) = load_examples(folder)
    return loaded


def test_one_that_expects_nothing_gets_all_outputs(make_package: Any, results: Any) -> None:
    before = example(make_package, INPUTS)
    assert compare(before, *results) == []
    assert accept(before, *results) == []
    (after,) = load_examples(before.folder.parent)
    assert after.outputs == {"number": 1.5, "table": {"file": "a-table.csv"}}
    assert before.path.read_text().startswith(INPUTS), "what its author wrote stays"
    assert (before.folder / "a-table.csv").read_text() == "a,b\n"
    assert compare(after, *results) == []


def test_its_files_are_written_anew_and_its_values_left_to_the_author(
    make_package: Any, results: Any
) -> None:
    text = INPUTS + "outputs: {number: 2, table: {file: t.csv}}\n"
    before = example(make_package, text, t_csv="old\n")
    assert accept(before, *results) == ["number: is 1.5, expected 2 (a value: change it in a.yml)"]
    assert (before.folder / "t.csv").read_text() == "a,b\n"
    assert before.path.read_text() == text


def test_yaml_that_cannot_be_added_to_is_left_alone(make_package: Any, results: Any) -> None:
    before = example(make_package, "{title: A}\n")
    (line,) = accept(before, *results)
    assert line == "a.yml is written in a way that cannot be added to: write its outputs by hand"
    assert before.path.read_text() == "{title: A}\n"
    assert not (before.folder / "a-table.csv").exists()


def test_one_that_compares_nothing_says_so(make_package: Any) -> None:
    folder = make_package(YML, "def run(): ...", a=INPUTS, b=INPUTS + "outputs: {number: 1}\n")
    titles = [trial.title for trial in example_trials(load_package(folder))]
    assert titles == ["A (it is compared with nothing: it names no outputs)", "A"]


LISTS = (
    "version: '1'\noutputs: {tables: {schema: {type: string, contentMediaType: text/csv}, maxOccurs: 9}}\n"
)


def tables(folder: Path, *texts: str) -> tuple[dict[str, Output], Path]:
    """What a run gives whose one output is a list of files."""
    (folder / "tables").mkdir(parents=True)
    files = [folder / "tables" / f"{index}.csv" for index in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    items = tuple(
        Output(id="tables", media_type="text/csv", file=f"tables/{file.name}", size=4) for file in files
    )
    return {"tables": Output(id="tables", media_type="application/json", items=items)}, folder


def test_a_list_of_files_is_a_list_of_golden_files(make_package: Any, tmp_path: Path) -> None:
    folder = make_package(LISTS, "def run(): ...", a=INPUTS)
    (before,) = load_examples(folder)
    results = tables(tmp_path / "one", "a,b\n", "c,d\n")
    assert accept(before, *results) == []
    (after,) = load_examples(folder)
    assert after.outputs == {"tables": [{"file": "a-tables-0.csv"}, {"file": "a-tables-1.csv"}]}
    assert compare(after, *results) == []
    changed = tables(tmp_path / "two", "a,b\n", "e,f\n")
    assert compare(after, *changed) == ["tables[1]: the file is not the same as a-tables-1.csv"]
    assert accept(after, *changed) == []
    assert (folder / "examples" / "a-tables-1.csv").read_text() == "e,f\n"


def test_a_list_of_another_length_is_a_difference_that_its_author_settles(
    make_package: Any, tmp_path: Path
) -> None:
    folder = make_package(LISTS, "def run(): ...", a=INPUTS + "outputs: {tables: ['a,b']}\n")
    (before,) = load_examples(folder)
    (line,) = accept(before, *tables(tmp_path / "three", "a,b\n", "c,d\n"))
    assert line == "tables: has 2 items, expected 1 (a value: change it in a.yml)"
    (before.folder / "a.yml").write_text(INPUTS + "outputs: {tables: 5}\n")
    (other,) = load_examples(folder)
    assert compare(other, *tables(tmp_path / "four", "a")) == ["tables: is a list of 1 files, expected 5"]
