"""Orders against those of the real service, and what holds of any order."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.datasets.order import Order, OrderSettings, Place
from dragoman.errors import DatasetError


def batches(records: int, size: int, number: int, **settings: Any) -> list[list[int]]:
    order = Order(records, OrderSettings(batch_size=size, **settings))
    return [[place.record for place in order.batch(n)] for n in range(number)]


@pytest.mark.parametrize(
    ("records", "size", "settings", "expected"),
    [
        (10, 4, {}, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9]]),
        (3, 8, {}, [[0, 1, 2, 0, 1, 2, 0, 1]]),
        (10, 5, {"shuffle_manifest": True}, [[2, 7, 1, 6, 8], [0, 4, 9, 5, 3]]),
        (
            10, 5, {"shuffle_manifest": True, "block_size": 4},
            [[2, 7, 1, 6, 8], [0, 4, 9, 5, 3], [5, 3, 2, 7, 1], [6, 8, 0, 4, 9]],
        ),
        (
            10, 5, {"shuffle_enable": True},
            [[2, 7, 1, 6, 8], [0, 4, 9, 5, 3], [3, 0, 5, 4, 9], [1, 7, 2, 8, 6]],
        ),
        (12, 4, {"shuffle_enable": True, "block_size": 4}, [[2, 3, 1, 0], [4, 7, 5, 6], [10, 9, 11, 8]]),
        (
            6, 3, {"shuffle_enable": True, "shuffle_manifest": True, "random_seed": 7},
            [[4, 0, 2], [3, 1, 5], [3, 1, 0], [2, 5, 4], [4, 3, 5], [0, 2, 1]],
        ),
        (10, 4, {"block_size": 0}, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]),
        (10, 4, {"block_size": 3}, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]),
        (20, 4, {"subset_fraction": 0.3}, [[0, 2, 6, 8], [9, 16, 0, 2]]),
        (10, 5, {"subset_fraction": 0.5}, [[0, 1, 2, 6, 8]]),
        (10, 2, {"node_id": 0, "node_count": 3}, [[0, 1], [6, 0]]),
        (10, 2, {"node_id": 2, "node_count": 3}, [[4, 5], [8, 4]]),
        (12, 3, {"node_id": 1, "node_count": 2}, [[3, 4, 5], [9, 10, 11]]),
    ],
)  # fmt: skip
def test_the_order_is_the_recorded_one(
    records: int, size: int, settings: dict[str, Any], expected: list[list[int]]
) -> None:
    assert batches(records, size, len(expected), **settings) == expected


ORDERS = st.builds(
    OrderSettings,
    batch_size=st.integers(1, 9),
    block_size=st.integers(0, 12),
    subset_fraction=st.sampled_from([1.0, 0.5, 0.9]),
    shuffle_manifest=st.booleans(),
    shuffle_enable=st.booleans(),
    random_seed=st.integers(1, 2**31),
)


@given(records=st.integers(4, 60), settings=ORDERS)
def test_every_epoch_has_each_record_once(records: int, settings: OrderSettings) -> None:
    order = Order(records, settings)
    size = settings.batch_size
    places = list(chain.from_iterable(order.batch(n) for n in range(-(-3 * order.record_count // size))))
    for epoch in range(3):
        own = [place.record for place in places if place.epoch == epoch]
        assert len(own) == len(set(own)) == order.record_count


@given(records=st.integers(4, 60), settings=ORDERS, numbers=st.lists(st.integers(0, 30), min_size=1))
def test_a_batch_is_the_same_whatever_was_asked_before(
    records: int, settings: OrderSettings, numbers: list[int]
) -> None:
    order = Order(records, settings)

    def alone(number: int) -> tuple[Place, ...]:
        return Order(records, settings).batch(number)

    assert [order.batch(number) for number in numbers] == [alone(number) for number in numbers]


@given(records=st.integers(6, 60), size=st.integers(1, 5), nodes=st.integers(2, 4), shuffled=st.booleans())
def test_nodes_share_the_records_between_them(records: int, size: int, nodes: int, shuffled: bool) -> None:
    shares = []
    for node in range(nodes):
        settings = OrderSettings(batch_size=size, node_id=node, node_count=nodes, shuffle_enable=shuffled)
        order = Order(records, settings)
        places = chain.from_iterable(order.batch(n) for n in range(-(-order.record_count // size)))
        shares.append({place.record for place in places if place.epoch == 0})
    assert all(len(share) == records // nodes for share in shares)
    assert len(set.union(*shares)) == nodes * (records // nodes)


@pytest.mark.parametrize(
    ("records", "settings", "words"),
    [
        (0, {}, "manifest file is empty"),
        (2, {"node_count": 3}, "fewer records than there are nodes"),
        (1, {"subset_fraction": 0.5}, "leaves no record"),
    ],
)
def test_an_order_without_records_is_refused(records: int, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        Order(records, OrderSettings(batch_size=1, **settings))
