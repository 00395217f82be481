"""The jobs of the configuration: read, typed, and each mistake one line that says what is allowed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from harness import REPOSITORY

from dragoman.adapters.ncdjango.settings import NcdjangoSettings
from dragoman.adapters.registry import dialect_settings
from dragoman.composition import FORMS, declarations
from dragoman.config.settings_file import load_settings
from dragoman.errors import SettingsError
from dragoman.model.renderer import Renderer
from dragoman.packages.catalogue import build_catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.config.settings import Settings


def load(folder: Path, jobs: Any, **manager: Any) -> Settings:
    data = yaml.safe_load((REPOSITORY / "pygeoapi-config.yml").read_text())
    dialects = {"ncdjango": {"jobs": jobs}}
    name = "dragoman.plugin.JobManager"
    data["server"] |= {
        "bind": {"host": "127.0.0.1", "port": 5000},
        "url": "http://localhost:5000",
        "manager": {"name": name, "output_dir": "var", "connection": "", "dialects": dialects, **manager},
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return load_settings(path, {}, dialect_settings())


def test_jobs_are_tasks_and_workflows(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        {
            "vegetation": {
                "type": "task",
                "task": "ndvi",
                "publish_raster_results": True,
                "results_renderer": "min-max",
            },
            "suitability": {"type": "workflow", "path": "workflows/suitability.json"},
            "apply": {"type": "task", "task": "raster:apply_expression"},
        },
    )
    own = settings.dialects["ncdjango"]
    assert isinstance(own, NcdjangoSettings)
    vegetation, suitability, apply = own.jobs.values()
    assert (vegetation.process_id, vegetation.publish) == ("ndvi", True)
    assert isinstance(vegetation.renderer, Renderer)
    assert suitability.process_id == "suitability"
    assert suitability.workflow == {"path": str(tmp_path / "workflows" / "suitability.json")}
    assert not suitability.publish
    added = [each for each in declarations(settings) if each.form == "workflow"]
    assert [each.id for each in added] == ["suitability", "apply"]
    catalogue = build_catalogue(added, FORMS)
    assert list(catalogue.processes) == ["apply"]
    assert [problem.id for problem in catalogue.problems] == ["suitability"]
    assert list(catalogue.get("apply").inputs) == ["array_in", "expression"]
    assert apply.process_id == "apply"


@pytest.mark.parametrize("name", ["apply", "mask", "map", "reduce"])
def test_the_tasks_of_ncdjango_stand_by_themselves(name: str, tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        {"job": {"type": "task", "task": f"raster:{name}_by_expression"}}
        if name != "apply"
        else {"job": {"type": "task", "task": "raster:apply_expression"}},
    )
    catalogue = build_catalogue([each for each in declarations(settings) if each.form == "workflow"], FORMS)
    assert catalogue.problems == ()
    assert list(catalogue.processes) == ["job"]


@pytest.mark.parametrize(
    ("job", "line"),
    [
        ({}, "jobs.a.type: None is no type of job; allowed: task, workflow"),
        ({"type": "model"}, "jobs.a.type: 'model' is no type of job; allowed: task, workflow"),
        ({"type": "task"}, "jobs.a.task: None is no process of this server; allowed: echo, ndvi,"),
        (
            {"type": "task", "task": "nope"},
            "jobs.a.task: 'nope' is no process of this server; allowed: echo,",
        ),
        (
            {"type": "task", "task": "ndvi", "path": "x"},
            "jobs.a.path: belongs to another type than task; allowed:",
        ),
        ({"type": "workflow"}, "jobs.a.path: is missing; allowed: an ncdjango workflow, JSON"),
        (
            {"type": "workflow", "path": "x", "task": "ndvi"},
            "jobs.a.task: belongs to another type than workflow",
        ),
        (
            {"type": "task", "task": "ndvi", "colour": 1},
            "jobs.a",
        ),
        (
            {"type": "task", "task": "ndvi", "results_renderer": "min-max"},
            "jobs.a.results_renderer: colours nothing; allowed: with publish_raster_results: true",
        ),
        (
            {
                "type": "task",
                "task": "ndvi",
                "publish_raster_results": True,
                "results_renderer": {"type": "x"},
            },
            "jobs.a.results_renderer: type: 'x'; allowed: stretched, classified, unique",
        ),
        (
            {"type": "task", "task": "ndvi", "publish_raster_results": "yes"},
            "jobs.a.publish_raster_results: 'yes'",
        ),
    ],
)
def test_a_job_that_is_wrong_stops_the_start(job: Any, line: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, {"a": job})
    assert line in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "job", [{"type": "workflow", "path": "x.json"}, {"type": "task", "task": "raster:apply_expression"}]
)
def test_a_name_that_a_resource_has_stops_the_start(job: Any, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"jobs\.ndvi: is the name of a resource; allowed: a name that none of"
    ):
        load(tmp_path, {"ndvi": job})
    assert load(tmp_path, {"ndvi": {"type": "task", "task": "ndvi"}})


def test_a_name_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is no name of a job; allowed: letters, digits"):
        load(tmp_path, {"a b/c": {"type": "task", "task": "ndvi"}})


def test_a_workflow_may_be_held_to_roles(tmp_path: Path) -> None:
    auth = {
        "oidc": {"issuer": "https://id.example.org", "audience": "dragoman"},
        "execute": {"flow": {"roles": ["analyst"]}},
    }
    settings = load(tmp_path, {"flow": {"type": "workflow", "path": "x.json"}}, auth=auth)
    assert "flow" in settings.auth.execute
    with pytest.raises(SettingsError, match="nope"):
        load(tmp_path, {}, auth={**auth, "execute": json.loads('{"nope": {"roles": ["a"]}}')})
