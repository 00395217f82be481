"""The scripts of a method: their placeholders replaced, and looked at by bash."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from dragoman.packages.scripts.command_places import PlaceholderError
from dragoman.packages.scripts.method_document import dicts_in
from dragoman.packages.scripts.placeholders import with_references

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.process import JSON, InputSpec
    from dragoman.packages.yaml_document import Document
    from dragoman.schemas.key_paths import KeyPath

STEPS: Final = ("deploy", "execute", "undeploy")
"""The scripts by the order in which they run; ``deploy-script`` and so on in the file."""
_KEY: Final = ("additionalParameters", "parameters")


def scripts_of(
    document: Document, inputs: Mapping[str, InputSpec], variables: Mapping[str, str]
) -> dict[str, str]:
    """The scripts that there are, by step; raises PackageError, also where bash cannot read one."""
    additional = document.data.get("additionalParameters")
    parameters = additional.get("parameters") if isinstance(additional, dict) else None
    numbers = [name for name, spec in inputs.items() if _is_number(spec)]
    scripts: dict[str, str] = {}
    for place, each in enumerate(dicts_in(parameters)):
        step = str(each.get("name")).removesuffix("-script")
        if step not in STEPS or each.get("name") != f"{step}-script":
            continue
        key: KeyPath = (*_KEY, place, "value")
        script = _text(document, key, step, each.get("value") or [])
        if script.strip():
            scripts[step] = _replaced(document, key, step, script, variables, numbers)
            _check_syntax(document, key, step, scripts[step])
    if "execute" not in scripts:
        raise document.error(_KEY if parameters else (), "there is no execute-script")
    return {step: scripts[step] for step in STEPS if step in scripts}


def _text(document: Document, key: KeyPath, step: str, value: JSON) -> str:
    """A script as one text; raises PackageError where it is none, nor a list of lines."""
    lines = [value] if isinstance(value, str) else value
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise document.error(key, f"the {step}-script is no list of lines")
    return "\n".join(lines)


def _replaced(
    document: Document,
    key: KeyPath,
    step: str,
    script: str,
    variables: Mapping[str, str],
    numbers: Sequence[str],
) -> str:
    """A script with references in place of its placeholders; raises PackageError."""
    try:
        return with_references(script, variables, numbers) + "\n"
    except PlaceholderError as error:
        words = f"line {error.line} of the {step}-script: {error.message}"
        raise document.error(key, words) from error


def _check_syntax(document: Document, key: KeyPath, step: str, script: str) -> None:
    """Raise PackageError for what bash cannot read."""
    try:
        done = subprocess.run(
            ["bash", "-n", "-s"],  # whatever bash the scripts will run under
            input=script.encode("utf-8", "replace"),
            capture_output=True,
            timeout=60,
            check=False,
        )
    except FileNotFoundError as error:
        raise document.error((), "its scripts need bash, which is not here") from error
    if done.returncode:
        first = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("bash: ")
        raise document.error(key, f"the {step}-script: {first}")


def _is_number(spec: InputSpec) -> bool:
    return spec.schema.get("type") in ("integer", "number") and not spec.repeatable
