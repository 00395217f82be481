from __future__ import annotations

import pytest

from dragoman.config.settings import FetchSettings
from dragoman.errors import InvalidRequest
from dragoman.jobs.request_check import check_request
from dragoman.maps.renderers import MIN_MAX
from dragoman.model.job import JobRequest, Replicas
from dragoman.model.process import OutputSpec, Process, Runtime
from dragoman.sources.policy import SourcePolicy

POLICY = SourcePolicy(fetch=FetchSettings())
RASTER = OutputSpec(id="map", schema={"type": "string", "contentMediaType": "image/tiff"})
PROCESS = Process(id="p", version="1", runtime=Runtime(form="native"), inputs={}, outputs={"map": RASTER})


@pytest.mark.parametrize("replicas", [None, Replicas(count=1)])
def test_an_output_of_one_run_may_be_published(replicas: Replicas | None) -> None:
    check_request(PROCESS, JobRequest(publish={"map": MIN_MAX}, replicas=replicas), POLICY)


def test_the_list_that_replicas_make_of_an_output_is_no_map() -> None:
    request = JobRequest(publish={"map": MIN_MAX}, replicas=Replicas(count=3))
    with pytest.raises(InvalidRequest, match="output 'map' cannot be published: 3 replicas make it a list"):
        check_request(PROCESS, request, POLICY)
