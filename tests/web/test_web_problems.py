"""Every error has a status, and no answer tells what is not for the client."""

from __future__ import annotations

import inspect

import pytest
from werkzeug.exceptions import NotFound

from dragoman import errors
from dragoman.web.problems import STATUSES, UNEXPECTED, RangeOutside, headers_of, problem, status_of

CLASSES = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.DragomanError)
]

EXPECTED = {
    errors.InvalidInputs: 400, errors.InputError: 400, errors.InvalidRequest: 400,
    errors.InvalidQueryParameter: 400, errors.NoSuchOutput: 400, errors.Forbidden: 403,
    errors.NoSuchProcess: 404,
    errors.NoSuchJob: 404, errors.NoSuchPage: 404, errors.ResultNotReady: 404, errors.ResultNotAvailable: 404,
    errors.MethodNotAllowed: 405, errors.IdempotencyConflict: 409, errors.IllegalTransition: 409,
    errors.PreconditionFailed: 412,
    errors.PayloadTooLarge: 413, errors.UnsupportedMediaType: 415, errors.RangeNotSatisfiable: 416,
    errors.AlgorithmError: 500, errors.TimedOut: 500, errors.OutOfMemory: 500, errors.WorkerLost: 500,
    errors.OutputError: 500, errors.PackageError: 500, errors.SettingsError: 500,
    errors.Unavailable: 503, errors.QueueFull: 503,
}  # fmt: skip


def make(cls: type[errors.DragomanError]) -> errors.DragomanError:
    if cls is errors.InputError:
        return errors.InputError("red", "is blue")
    if cls is errors.InvalidInputs:
        return errors.InvalidInputs([errors.InputProblem(input_id="red", message="is blue")])
    return cls("what happened")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_has_a_problem(cls: type[errors.DragomanError]) -> None:
    document = problem(make(cls), instance="/x")
    assert document["status"] == status_of(make(cls)) == EXPECTED.get(cls, document["status"])
    assert document["status"] >= 400
    assert all(document[name] for name in ("type", "title", "detail", "instance"))


def test_the_table_names_only_our_errors() -> None:
    assert set(STATUSES) <= set(CLASSES)
    assert set(EXPECTED) <= set(CLASSES)


@pytest.mark.parametrize(
    "error", [ValueError("/secret"), errors.PackageError("/secret"), KeyError("/secret")]
)
def test_what_is_not_for_clients_is_not_shown(error: Exception) -> None:
    document = problem(error)
    assert (document["status"], document["detail"]) == (500, UNEXPECTED)
    assert "code" not in document


def test_wrong_inputs_are_listed() -> None:
    assert problem(errors.InputError("red", "is blue"))["invalid-params"] == [
        {"name": "red", "reason": "is blue"}
    ]


def test_of_very_many_wrong_inputs_the_first_are_listed() -> None:
    wrong = (errors.InputProblem(input_id=f"i{number}", message="is wrong") for number in range(5000))
    document = problem(errors.InvalidInputs(wrong))
    assert [entry["name"] for entry in document["invalid-params"]] == [f"i{number}" for number in range(20)]
    assert document["detail"].endswith("input 'i19': is wrong; and 4,980 more")


def test_title_is_the_phrase_of_the_status_unless_the_type_says_more() -> None:
    assert problem(errors.NoSuchJob())["title"] == "Not Found"
    assert problem(errors.NoSuchJob(), type="http://x/no-such-job")["title"] == "There is no such job"
    assert problem(NotFound())["status"] == 404


def test_headers_that_belong_to_a_status() -> None:
    assert headers_of(errors.QueueFull(retry_after=9)) == {"Retry-After": "9"}
    assert headers_of(RangeOutside(10)) == {"Content-Range": "bytes */10"}
    assert headers_of(errors.NoSuchJob()) == {}
