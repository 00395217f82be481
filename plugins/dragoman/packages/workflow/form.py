"""The workflow form of package: a job of ``dialects.ncdjango.jobs`` that names an ncdjango workflow."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.model.process import Process, Runtime
from dragoman.packages.forms import Form
from dragoman.packages.workflow.definition import read_workflow
from dragoman.packages.yaml_document import one_line
from dragoman.schemas.file_values import NotJsonText, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.context import Context
    from dragoman.model.process import JSON
    from dragoman.packages.forms import Options, Trial
    from dragoman.packages.program import Program, RunLimits
    from dragoman.packages.workflow.definition import Workflow

FORM: Final = "workflow"
MAX_BYTES: Final = 1 << 20
"""Of a workflow's file."""
VERSION: Final = "1.0.0"
"""Workflows have none of their own; the digest tells two apart."""


def _load(folder: Path, id: str | None, options: Options) -> Process:
    """The process of the workflow that ``options`` hold, or whose file they name.

    Its options have the workflow itself: a job runs what it was accepted for, whatever becomes of the file.
    """
    definition, label, root = _definition(options)
    try:
        workflow = read_workflow(definition)
        return _process(id or workflow.name or label, workflow, definition, root)
    except PackageError as error:
        raise PackageError(one_line(f"{label}: {error.detail}")) from error


def _definition(options: Options) -> tuple[JSON, str, str]:
    """The workflow, what it is called in a message, and the folder where its paths begin."""
    if "definition" in options:
        return options["definition"], str(options.get("label") or FORM), str(options.get("folder") or "")
    path = Path(str(options["path"]))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PackageError(f"{path.name}: is larger than {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PackageError(f"{path.name}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise PackageError(f"{path.name}: is not UTF-8") from error
    try:
        return parse_json(text), path.name, str(path.absolute().parent)
    except NotJsonText as error:
        raise PackageError(f"{path.name}: is not JSON: {error.reason[:200]}{error.place}") from error


def _process(id: str, workflow: Workflow, definition: JSON, root: str) -> Process:
    from dragoman.packages.workflow.checks import check_workflow  # the grammar, where there is a workflow
    from dragoman.packages.workflow.describing import input_spec, output_specs

    check_workflow(workflow)
    text = json.dumps([definition, root], sort_keys=True)
    return Process(
        id=id,
        version=VERSION,
        title=workflow.name or id,
        description=workflow.description,
        keywords=("workflow",),
        inputs={each.name: input_spec(each) for each in workflow.inputs},
        outputs=output_specs(workflow),
        runtime=Runtime(
            form=FORM,
            options={"definition": definition, "folder": root},
            digest=hashlib.sha256(text.encode()).hexdigest(),
        ),
    )


def _program(process: Process, limits: RunLimits, _context: Context) -> Program:
    from dragoman.packages.workflow.program import (  # in workers alone
        WorkflowProgram,
        dataset_inputs,
        reading_files,
        resolving,
    )

    workflow = read_workflow(process.runtime.options["definition"])
    return WorkflowProgram(
        process=reading_files(process, dataset_inputs(workflow)),
        workflow=workflow,
        folder=Path(str(process.runtime.options["folder"])),
        max_pixels=limits.max_pixels,
        resolve=resolving(dataset_inputs(workflow)),
    )


def _no_trials(_process: Process) -> Sequence[Trial]:
    return ()


WORKFLOW: Final = Form(
    name=FORM,
    recognises=lambda _folder: False,  # it is a file that the configuration names
    load=_load,
    program=_program,
    trials=_no_trials,
)
"""The form of package that is an ncdjango workflow."""
