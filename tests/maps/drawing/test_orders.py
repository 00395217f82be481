"""What render processes are asked, as it goes over the socket."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from dragoman.maps.drawing.orders import (
    Band,
    Classes,
    Done,
    Draw,
    DrawnBand,
    Failed,
    Legend,
    PointValues,
    Shrink,
    UniqueValues,
    dump,
    load,
)

if TYPE_CHECKING:
    from dragoman.maps.drawing.orders import Order, Report

BANDS = (Band(path="/a.tif", number=1, nodata=-9999.0), Band(path="/b.tif", number=2))
RENDERER = {"type": "stretched", "colors": [[-1, "#0000ff"], [1, "#ff0000"]]}


@pytest.mark.parametrize(
    "message",
    [
        Draw(
            key="k",
            layers=tuple(DrawnBand(band=band, renderer=RENDERER) for band in BANDS),
            bbox=(0.0, 1.0, 2.0, 3.0),
            crs="EPSG:3857",
            width=256,
            height=128,
            encoding="png",
        ),
        Legend(renderers=(RENDERER,)),
        PointValues(bands=BANDS, x=1.0, y=2.0, crs="EPSG:4326"),
        Classes(bands=BANDS, method="equal", count=5),
        UniqueValues(bands=BANDS, most=10),
        Shrink(most=1000),
        Done(answer={"a": [1, {"b": None}]}),
        Failed(detail="it is damaged", fault="file"),
    ],
)
def test_every_message_says_all_of_itself_and_comes_as_it_was_sent(message: Order | Report) -> None:
    sent = json.loads(json.dumps(dump(message)))
    assert sent == json.loads(json.dumps({"is": type(message).__name__, **asdict(message)}))
    assert load(sent) == message
