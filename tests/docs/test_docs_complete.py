"""What there is stands in the docs, and what stands there is so."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
import yaml
from harness import REPOSITORY

from dragoman import errors
from dragoman.adapters.registry import dialect_settings
from dragoman.cli.main import app
from dragoman.config.dialects import dialect_keys
from dragoman.config.keys import KEYS, MANAGER
from dragoman.config.settings_file import load_settings
from dragoman.model.context import Context
from dragoman.web.problems import expected, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.config.settings import Settings

README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
PACKAGES = REPOSITORY / "plugins" / "dragoman" / "packages"
"""``make bench`` writes it."""

_ROW = re.compile(r"^\| `(?P<key>[a-z_.*]+)` \| (?P<default>[^|]+) \|", re.MULTILINE)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_VARIABLE = re.compile(r"DRAGOMAN_[A-Z][A-Z_]*")
_CODE_ROW = re.compile(r"^\| (?P<statuses>\d{3}(?:, \d{3})*) \| (?P<codes>`[^|]+`) \|", re.MULTILINE)


def _read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def _settings_rows() -> dict[str, str]:
    section = _read("operating.md").partition("## Settings")[2].partition("\n### ")[0]
    return {match["key"]: match["default"].strip() for match in _ROW.finditer(section)}


def test_the_readme_is_short_and_opens_with_the_two_commands() -> None:
    lines = README.read_text("utf-8").splitlines()
    assert len(lines) <= 150
    commands = [line.split()[1] for line in lines[:10] if line.startswith("make ")]
    assert commands == ["serve", "test"]


def test_every_setting_has_its_line_and_none_is_invented() -> None:
    assert _settings_rows().keys() == {**KEYS, **dialect_keys(dialect_settings())}.keys()


def test_the_documented_defaults_are_those_of_the_code_and_of_the_shipped_file(tmp_path: Path) -> None:
    shipped = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text("utf-8"))
    required = {"name": MANAGER, "output_dir": "var", "connection": ""}  # by pygeoapi's own schema
    bare = {**shipped, "server": {**shipped["server"], "manager": required}}
    spelled: dict[str, Any] = json.loads(json.dumps(bare))
    for key, default in _settings_rows().items():
        if match := re.fullmatch(r"`(.*)`", default):
            _put(spelled, key.split("."), yaml.safe_load(match[1]))
    loaded = [
        _load(tmp_path / name, data)
        for name, data in (("shipped.yml", shipped), ("bare.yml", bare), ("spelled.yml", spelled))
    ]
    assert loaded[0] == loaded[1] == loaded[2]


def _put(data: dict[str, Any], key: list[str], value: object) -> None:
    for part in key[:-1]:
        data = data.setdefault(part, {})
    data[key[-1]] = value


def _load(path: Path, data: object) -> Settings:
    """The settings of some data, without what only tells files apart."""
    path.write_text(yaml.safe_dump(data), "utf-8")
    return replace(load_settings(path, {}, dialect_settings()), config_path=path.parent, raw={}, processes=())


def test_every_environment_variable_is_documented_and_none_is_invented() -> None:
    sources = [REPOSITORY / "pygeoapi-config.yml", *(REPOSITORY / "plugins").rglob("*.py")]
    known = {name for path in sources for name in _VARIABLE.findall(path.read_text("utf-8"))}
    assert set(_VARIABLE.findall(_read("operating.md"))) == known
    others = {name for path in (README, *DOCS.glob("*.md")) for name in _VARIABLE.findall(path.read_text())}
    programs = (REPOSITORY / "plugins/dragoman/codegen/templates").rglob("*.j2")
    read_by_programs = {name for path in programs for name in _VARIABLE.findall(path.read_text("utf-8"))}
    assert others <= known | read_by_programs
    assert set(_VARIABLE.findall(_read("ogc.md").partition("## Programs")[2])) == read_by_programs


def test_every_key_of_a_package_is_documented() -> None:
    text = _read("packaging.md")
    schemas = [json.loads((PACKAGES / f"{name}.schema.json").read_text()) for name in ("process", "example")]
    missing = {key for schema in schemas for key in _property_names(schema) if f"`{key}`" not in text}
    assert not missing
    words = schemas[0]["$defs"]["schemaOrWord"]["anyOf"][0]["enum"]
    assert [word for word in words if f"| `{word}` |" not in text] == []


def _property_names(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) and "type" in schema else ()
        for child in schema.values():
            yield from _property_names(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from _property_names(child)


def test_every_member_of_the_context_is_documented() -> None:
    names = [name for name, _ in inspect.getmembers(Context) if not name.startswith("_")]
    assert [name for name in names if f"`context.{name}" not in _read("packaging.md")] == []


def test_every_command_is_documented_and_none_is_invented() -> None:
    rows = set(re.findall(r"^\| `dragoman ([a-z-]+(?: [a-z]+)?)", _read("operating.md"), re.MULTILINE))
    assert rows == set(_commands(typer.main.get_command(app), ""))


def _commands(command: Any, prefix: str) -> Iterator[str]:
    for name, child in getattr(command, "commands", {}).items():
        if getattr(child, "commands", None):
            yield from _commands(child, f"{prefix}{name} ")
        elif not child.hidden:
            yield f"{prefix}{name}"


def test_every_error_a_client_may_meet_stands_under_its_status() -> None:
    told: dict[str, set[str]] = {}
    for match in _CODE_ROW.finditer(_read("ogc.md")):
        for code in re.findall(r"`([a-z-]+)`", match["codes"]):
            told.setdefault(code, set()).update(match["statuses"].split(", "))
    for cls in _error_classes(errors.DragomanError):
        if not expected(cls.__new__(cls)) or cls in (errors.DragomanError, errors.IllegalTransition):
            continue  # for the operator, or caught before it reaches a client
        if cls in (errors.DatasetError, errors.DatasetFieldError, errors.NoSuchSession):
            continue  # aeon's answers carry no code
        if cls in (errors.InvalidRenderer, errors.NoSuchService, errors.MapUnreadable):
            continue  # nor do those of maps; elsewhere it is the request that is invalid
        if cls in (errors.TaskConflict, errors.NoSuchTask):
            continue  # nor do AppStore's
        assert cls.code in told, f"{cls.code} is not in docs/ogc.md"
        assert str(status_of(cls.__new__(cls)).value) in told[cls.code], cls.code
    assert told.keys() <= {cls.code for cls in _error_classes(errors.DragomanError)}


def _error_classes(cls: type[errors.DragomanError]) -> Iterator[type[errors.DragomanError]]:
    yield cls
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _error_classes(child)


def test_the_messages_that_operators_look_up_are_those_they_see() -> None:
    section = _read("operating.md").partition("## What you see")[2]
    said = {text for seen in re.findall(r"^\|([^|]+)\|", section, re.M) for text in _quoted(seen)}
    said -= {"Address already in use"}  # the system's words
    assert len(said) > 10
    sources = [*(REPOSITORY / "plugins").rglob("*.py"), REPOSITORY / "tools" / "find-python"]
    spoken = " ".join(path.read_text("utf-8") for path in sources)
    assert [text for text in said if text.replace(" X ", " %s ").removesuffix("...") not in spoken] == []


def _quoted(text: str) -> list[str]:
    return re.findall(r'"([^"]+)"', text)


@pytest.mark.parametrize("document", [README, *sorted(DOCS.glob("*.md"))], ids=lambda path: path.stem)
def test_links_resolve(document: Path) -> None:
    for target in _LINK.findall(document.read_text("utf-8")):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.is_file(), f"{document.name}: {target}"
        assert not anchor or anchor in _anchors(path), f"{document.name}: {target}"


def _anchors(path: Path) -> set[str]:
    """Of its headings, as they are made on the web."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
