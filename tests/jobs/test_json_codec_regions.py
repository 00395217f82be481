from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from dragoman.jobs.json_codec import dump_outputs, dump_request, load_outputs, load_request
from dragoman.model.job import JobRequest, Output, OutputRequest
from dragoman.model.roi import Band, Roi

if TYPE_CHECKING:
    from dragoman.model.process import JSON

names = st.text(min_size=1, max_size=8)
bands = st.builds(Band, first=st.integers(), number=st.integers(), margin=st.integers())
rois = st.builds(
    Roi,
    targets_in=st.lists(names).map(tuple),
    targets_out=st.lists(names).map(tuple),
    lines=st.none() | bands,
    columns=st.none() | bands,
)
files = st.builds(
    Output, id=names, media_type=st.just("image/png"), file=st.none() | names, size=st.none() | st.integers(0)
)
outputs = st.builds(
    Output,
    id=names,
    media_type=st.just("application/json"),
    value=st.none() | st.integers() | st.lists(st.text()),
    items=st.lists(files).map(tuple),
)


def sent(data: JSON) -> JSON:
    return json.loads(json.dumps(data))


@given(st.dictionaries(names, outputs))
def test_lists_of_files_come_back_as_they_were(given_outputs: dict[str, Output]) -> None:
    by_id = {output.id: output for output in given_outputs.values()}
    assert load_outputs(sent(dump_outputs(by_id))) == by_id


@given(st.none() | rois)
def test_regions_come_back_as_they_were(roi: Roi | None) -> None:
    request = JobRequest(roi=roi, outputs={"a": OutputRequest(media_type="image/png")})
    assert load_request(sent(dump_request(request))) == request


def test_what_was_stored_before_there_were_regions_and_lists_is_read() -> None:
    old = dump_request(JobRequest())
    del old["roi"]
    assert load_request(old) == JobRequest()
    row = dump_outputs({"a": Output(id="a", media_type="text/plain", value="x")})
    del row[0]["items"]
    assert load_outputs(row)["a"].items == ()
