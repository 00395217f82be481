"""Configurations that are wrong, in the words and with the kind of error that were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dragoman.datasets.configuration import read_configuration
from dragoman.errors import DatasetError, DatasetFieldError

if TYPE_CHECKING:
    from tests.datasets.conftest import OpenDataset

IMAGE = {"type": "image", "width": 28, "height": 28}
LABEL = {"type": "label", "binary": True}
BODY = {
    "manifest_filename": "/data/manifest.tsv",
    "manifest_root": "/data/imgs",
    "batch_size": 4,
    "etl": [IMAGE, LABEL],
}


TYPE_ERROR = "[json.exception.type_error.302] type must be"


def not_set(name: str) -> str:
    return f"error when parsing field \"{name}\": Required Argument: '{name}' not set"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in BODY.items() if key != name}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (without("manifest_filename"), not_set("manifest_filename")),
        (without("batch_size"), not_set("batch_size")),
        (without("etl"), "error when parsing field \"etl\": required argument 'etl' not set"),
        ([], not_set("manifest_filename")),
        (None, not_set("manifest_filename")),
        ({**BODY, "batch_size": "8"}, f'error when parsing field "batch_size": {TYPE_ERROR} number, but is string'),
        ({**BODY, "etl": {"type": "image"}}, f'error when parsing field "etl": {TYPE_ERROR} array, but is object'),
    ],
)  # fmt: skip
def test_what_is_missing_or_of_another_type(body: Any, message: str) -> None:
    with pytest.raises(DatasetFieldError) as raised:
        read_configuration(body, lambda: 1)
    assert raised.value.detail == message


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"foo": 1}, "config element {foo: 1} is not understood"),
        ({"batchsize": 1}, "config element {batchsize: 1} is not understood, did you mean 'batch_size'"),
        ({"iteration_mode": "X"}, "iteration_mode must be one of ONCE, COUNT, or INFINITE"),
        ({"iteration_mode": "COUNT"}, "iteration_mode_count must be a positive integer"),
        ({"subset_fraction": 2}, "value for 'subset_fraction' out of range"),
        ({"subset_fraction": 0}, "subset_fraction must be >= 0 and <= 1"),
        ({"augmentation": [{"scale": [0.5, 1]}]}, "augmentation missing 'type'"),
        ({"augmentation": [{"type": "image", "scale": [0.5, 2]}]}, "value for 'scale' out of range"),
        ({"node_id": 2, "node_count": 2}, "node_id can't be greater than node_count"),
        ({"batch_size": 0}, "value for 'batch_size' out of range"),
        ({"batch_size": -1}, "value for 'batch_size' out of range"),
        ({"batch_size": 10**12}, "value for 'batch_size' out of range"),
        ({"batch_size": 1e300}, "value for 'batch_size' out of range"),
        ({"etl": []}, "value for 'etl' out of range"),
    ],
)
def test_what_is_out_of_range_or_unknown(members: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError) as raised:
        read_configuration({**BODY, **members}, lambda: 1)
    assert not isinstance(raised.value, DatasetFieldError)
    assert raised.value.detail.startswith(message)


@pytest.mark.parametrize(
    ("etl", "message"),
    [
        ([{"type": "foo"}], "unsupported etl type 'foo'"),
        ([{"width": 2}], "missing required 'type' element in etl object"),
        ([{"type": "image", "height": 28}, LABEL], not_set("width")),
        ([{**IMAGE, "channels": 2}, LABEL], "value for 'channels' out of range"),
        ([{**IMAGE, "foo": 2}, LABEL], "config element {foo: 2} is not understood"),
        ([{**IMAGE, "output_type": "half"}, LABEL], "value for 'output_type' out of range"),
        ([IMAGE], "the manifest has 2 columns, 'etl' has entries for 1"),
        ([IMAGE, {**IMAGE}], "two entries of 'etl' fill the buffer 'image'"),
        ([{**IMAGE, "width": 32000, "height": 32000}, LABEL], "a batch has 12288000016 bytes"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be(etl: list[Any], message: str, open_dataset: OpenDataset) -> None:
    with pytest.raises(DatasetError) as raised:
        open_dataset(etl=etl)
    assert raised.value.detail.startswith(message)


def test_a_fraction_of_a_batch_is_cut(open_dataset: OpenDataset) -> None:
    assert open_dataset(batch_size=4.7).configuration.batch_size == 4


def test_what_the_client_says_of_the_server_means_nothing() -> None:
    assert (
        read_configuration({**BODY, "remote": {"address": "127.0.0.1", "port": 1}}, lambda: 1).batch_size == 4
    )


def test_a_seed_is_drawn_once_and_kept() -> None:
    configuration = read_configuration(BODY, lambda: 42)
    assert configuration.order.random_seed == 42
    assert read_configuration(configuration.document, lambda: 43) == configuration


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "manifest.tsv", "~/manifest.tsv", "/proc/self/environ", "/vsicurl/http://x/"]
)
def test_a_manifest_outside_the_roots_is_as_one_that_is_not_there(
    name: str, open_dataset: OpenDataset
) -> None:
    with pytest.raises(DatasetError) as raised:
        open_dataset(manifest_filename=name)
    assert raised.value.detail.startswith(f"Manifest file {name} doesn't exist.")
