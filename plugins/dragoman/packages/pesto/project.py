"""From the folder of a PESTO project to a Process; nothing of the algorithm is imported, no numpy is needed.

    pesto/api/description.json      who it is            input_schema, output_schema, user_definitions
    pesto/api/config(_schema).json  its configuration    version.json
    pesto/build/*.json              environments are set in its workers; the rest is read, to be checked
    algorithm/process.py            class Process

``<file>.<profile>.json`` beside a file is merged into it, in the order of the profiles that are switched on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from dragoman.model.process import JSON, Process, Runtime
from dragoman.packages.digest import package_digest
from dragoman.packages.native.signature import check_class
from dragoman.packages.pesto.definitions import STANDARD
from dragoman.packages.pesto.environment import REQUIREMENTS, environments, unserved
from dragoman.packages.pesto.files import JsonFile, read_files
from dragoman.packages.pesto.schemas import input_specs, output_specs, split
from dragoman.packages.yaml_document import one_line
from dragoman.schemas.findings import finding
from dragoman.schemas.key_paths import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORM: Final = "pesto"
"""The form of a package whose class has PESTO's interface, with or without a process.yml."""

ENTRY: Final = "algorithm.process:Process"

DESCRIBED: Final = (
    "title",
    "name",
    "version",
    "family",
    "description",
    "organization",
    "email",
    "resources",
    "asynchronous",
)
"""What description.json has to say."""


def is_project(folder: Path) -> bool:
    """Whether the folder is meant to be a PESTO project."""
    return (folder / "pesto" / "api").is_dir()


def load_project(folder: Path, *, id: str | None = None, profiles: Sequence[str] = ()) -> Process:
    """Read a project; ``id`` overrides its name. Raises PackageError, one line that names file and line."""
    folder = folder.absolute()
    files = read_files(folder, profiles)
    description = files["description"]
    _check_description(description)
    _check_config(files["config"], files["config_schema"])
    check_class(folder, ENTRY, "process")
    definitions = _definitions(files.get("user_definitions"))
    data: Mapping[str, JSON] = description.data
    return Process(
        id=id or data["name"],
        version=data["version"],
        title=data["title"],
        description=data["description"],
        keywords=tuple(data.get("keywords", ())),
        inputs=input_specs(files["input_schema"], definitions),
        outputs=output_specs(files["output_schema"], definitions),
        resources=resources(data["resources"]),
        config=files["config"].data,
        config_schema=files["config_schema"].data,
        dialects={
            "pesto": {
                **_material(files, definitions),
                "environments": environments(files, profiles, data["version"]),
            }
        },
        outputs_checked=False,
        runtime=Runtime(
            form=FORM,
            folder=str(folder),
            entry=ENTRY,
            options={"profiles": list(profiles)} if profiles else {},
            digest=package_digest(folder),
        ),
    )


def profiles_of(process: Process) -> tuple[str, ...]:
    """The profiles that the process was loaded with, in order."""
    return tuple(process.runtime.options.get("profiles", ()))


def notes(process: Process) -> list[str]:
    """What its author should know of a project that is served, though it is not all that PESTO would make of it."""
    names = ", ".join(unserved(Path(process.runtime.folder), profiles_of(process)))
    missing = f"{REQUIREMENTS}: requirements ({names}) are neither copied nor installed here"
    shown = ", ".join(process.config)
    public = f"config: everybody may read it at /config, as in PESTO; no secrets may be in it ({shown})"
    return [one_line(text) for text, names in ((missing, names), (public, shown)) if names]


def resources(declared: Mapping[str, JSON]) -> dict[str, float]:
    """The advice that other dialects understand: cpu, gpu and ram, where they are numbers."""
    numbers = {name: declared.get(name) for name in ("cpu", "ram", "gpu")}
    return {
        name: value
        for name, value in numbers.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    }


def _material(files: Mapping[str, JsonFile], definitions: Mapping[str, JSON]) -> dict[str, JSON]:
    """All that a describe document is made of, as the author wrote it."""
    description = files["description"].data
    return {
        "description": description,
        "input": split(files["input_schema"].data),
        "output": split(files["output_schema"].data),
        "definitions": dict(definitions),
        "config": files["config"].data,
        "config_schema": files["config_schema"].data,
        "version": {"version": description["version"], **files["version"].data},
        "asynchronous": description["asynchronous"],
    }


def _definitions(file: JsonFile | None) -> dict[str, JSON]:
    """The author's own; one that has the name of a standard one does not count, as in PESTO."""
    if file is None:
        return {}
    for name, schema in file.data.items():
        if not isinstance(schema, dict):
            raise file.error(f"{name}: is not a schema, which is an object", name)
    return {name: schema for name, schema in file.data.items() if name not in STANDARD}


def _check_description(file: JsonFile) -> None:
    missing = [name for name in DESCRIBED if name not in file.data]
    if missing:
        raise file.error(f"lacks {', '.join(missing)}")
    for name in DESCRIBED:
        kind, word = {"resources": (dict, "an object"), "asynchronous": (bool, "true or false")}.get(
            name, (str, "a string")
        )
        if not isinstance(file.data[name], kind):
            raise file.error(f"{name}: is not {word}", name)
    if not file.data["name"] or not file.data["version"]:
        raise file.error("name and version may not be empty", "name")
    keywords = file.data.get("keywords", [])
    if not isinstance(keywords, list) or not all(isinstance(word, str) for word in keywords):
        raise file.error("keywords: is not a list of strings", "keywords")


def _check_config(config: JsonFile, schema: JsonFile) -> None:
    validator: Any = validator_for(schema.data, default=Draft202012Validator)  # of the draft that it names
    try:
        validator.check_schema(schema.data)
    except SchemaError as error:
        raise schema.error(f"is not a JSON Schema: {error.message}") from error
    for mistake in validator(schema.data).iter_errors(config.data):
        path = tuple(mistake.absolute_path)
        word = next((part for part in reversed(path) if isinstance(part, str)), "")
        raise config.error(f"{dotted(path)}{': ' if path else ''}{finding(mistake)}", word)
