"""How each dialect is spoken by the contract suite: a driver knows paths, payloads and words, and asserts nothing."""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.adapters.ncdjango.job_documents import WORDS as JOB_WORDS
from dragoman.adapters.ogc import describe
from dragoman.adapters.pesto.documents import WORDS
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse


class Driver(Protocol):
    """One dialect, as far as any can be spoken to."""

    name: str
    nowhere: str
    """A path below the dialect's own that nobody serves."""
    somewhere: str
    """A path that is there for everybody, and can be read."""
    allowed: str
    """The methods that are allowed there."""
    error: str
    """The component of its API document that an error's body is."""

    def documented(self, path: str) -> str:
        """The path of the API document that this one is an instance of."""

    def reason(self, response: TestResponse) -> str:
        """What an error says."""

    def own(self, client: FlaskClient) -> str:
        """The path of something new that belongs to the caller."""


class JobDriver(Driver, Protocol):
    """One dialect, spoken to the processes of the suite: each takes a ``text`` and returns it."""

    words: Mapping[JobStatus, str]
    """What each state is called."""

    def ids(self, client: FlaskClient) -> list[str] | None:
        """The processes that are listed; None where a dialect has no list."""

    def describe(self, client: FlaskClient, process_id: str) -> TestResponse: ...

    def submit(self, client: FlaskClient, process_id: str, inputs: Mapping[str, Any]) -> TestResponse:
        """Start a job without waiting for it."""

    def job_id(self, submitted: TestResponse) -> str: ...

    def state(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse: ...

    def state_word(self, response: TestResponse) -> str: ...

    def results(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse: ...

    def text(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        """The output ``text`` by itself."""

    def dismiss(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse: ...


def _body(response: TestResponse) -> Any:
    return response.json


class OgcDriver:
    name = "ogc"
    words: Mapping[JobStatus, str] = MappingProxyType({status: status.value for status in JobStatus})
    nowhere = "/processes/echo/nothing"
    somewhere = "/processes/echo"
    allowed = "GET, HEAD, OPTIONS"
    error = "Problem"

    def documented(self, path: str) -> str:
        return re.sub(r"^/processes/[a-z]+", "/processes/echo", path)

    def ids(self, client: FlaskClient) -> list[str] | None:
        return [process["id"] for process in _body(client.get("/processes"))["processes"]]

    def describe(self, client: FlaskClient, process_id: str) -> TestResponse:
        return client.get(f"/processes/{process_id}")

    def submit(self, client: FlaskClient, process_id: str, inputs: Mapping[str, Any]) -> TestResponse:
        path = f"/processes/{process_id}/execution"
        body = {"inputs": inputs, "response": "document"}
        return client.post(path, json=body, headers={"Prefer": "respond-async"})

    def job_id(self, submitted: TestResponse) -> str:
        return submitted.headers["Location"].rpartition("/")[2]

    def state(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/jobs/{job_id}")

    def state_word(self, response: TestResponse) -> str:
        return str(_body(response)["status"])

    def own(self, client: FlaskClient) -> str:
        return f"/jobs/{self.job_id(self.submit(client, 'waiting', {'text': 'hello'}))}"

    def results(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/jobs/{job_id}/results")

    def text(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/jobs/{job_id}/results/text")

    def dismiss(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.delete(f"/jobs/{job_id}")

    def reason(self, response: TestResponse) -> str:
        known = (describe.EXCEPTIONS + code for code in describe.OGC_CODES)
        assert _body(response)["type"] in ("about:blank", *known)
        return str(_body(response)["detail"])


class CcpDriver(OgcDriver):
    name = "ccp"
    words = MappingProxyType({**OgcDriver.words, JobStatus.DISMISSED: "failed"})
    nowhere = "/ccp/processes/echo/nothing"

    def documented(self, path: str) -> str:
        return super().documented(path.removeprefix("/ccp"))

    def ids(self, client: FlaskClient) -> list[str] | None:
        return [process["id"] for process in _body(client.get("/ccp/processes"))["processes"]]

    def describe(self, client: FlaskClient, process_id: str) -> TestResponse:
        return client.get(f"/ccp/processes/{process_id}")

    def submit(self, client: FlaskClient, process_id: str, inputs: Mapping[str, Any]) -> TestResponse:
        body = {"inputs": inputs, "response": "document"}
        return client.post(f"/ccp/processes/{process_id}/execution", json=body)

    def state(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/ccp/jobs/{job_id}")

    def results(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/ccp/jobs/{job_id}/results")

    def text(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/ccp/jobs/{job_id}/results/text")

    def dismiss(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.delete(f"/ccp/jobs/{job_id}")


class PestoDriver:
    name = "pesto"
    words = WORDS
    nowhere = "/pesto/echo/api/v1/nothing"
    somewhere = "/pesto/echo/api/v1/describe"
    allowed = "GET, HEAD, OPTIONS"
    error = "Error"

    def documented(self, path: str) -> str:
        return re.sub(r"^/pesto/[a-z]+", "", path)

    def ids(self, client: FlaskClient) -> list[str] | None:
        return None

    def describe(self, client: FlaskClient, process_id: str) -> TestResponse:
        return client.get(f"/pesto/{process_id}/api/v1/describe")

    def submit(self, client: FlaskClient, process_id: str, inputs: Mapping[str, Any]) -> TestResponse:
        return client.post(f"/pesto/{process_id}/api/v1/jobs", json=inputs)

    def job_id(self, submitted: TestResponse) -> str:
        return str(_body(submitted)["link"]).split("/")[-2]

    def state(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/pesto/{process_id}/api/v1/jobs/{job_id}/status")

    def state_word(self, response: TestResponse) -> str:
        return str(_body(response)["status"])

    def own(self, client: FlaskClient) -> str:
        job_id = self.job_id(self.submit(client, "waiting", {"text": "hello"}))
        return f"/pesto/waiting/api/v1/jobs/{job_id}/status"

    def results(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/pesto/{process_id}/api/v1/jobs/{job_id}/results")

    def text(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/pesto/{process_id}/api/v1/jobs/{job_id}/results/text")

    def dismiss(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.delete(f"/pesto/{process_id}/api/v1/jobs/{job_id}")

    def reason(self, response: TestResponse) -> str:
        assert _body(response).keys() == {"detail"}
        return str(_body(response)["detail"])


class AeonDriver:
    name = "aeon"
    nowhere = "/v1/dataset/7/nothing/at/all"
    somewhere = "/health"
    allowed = "GET, HEAD, OPTIONS"
    error = "Failure"

    def documented(self, path: str) -> str:
        return re.sub(r"^/v1/", "/api/v1/", path)

    def reason(self, response: TestResponse) -> str:
        body = _body(response)
        assert body.keys() == {"status"}
        assert body["status"]["type"] == "FAILURE"
        return str(body["status"]["description"])

    def own(self, client: FlaskClient) -> str:
        body = {"manifest_filename": "/data/a.tsv", "batch_size": 1, "etl": [{"type": "label"}]}
        created = client.post("/v1/dataset", json=body)
        return f"/v1/dataset/{_body(created)['data']['id']}"


class NcdjangoDriver(OgcDriver):
    """Of jobs, and of map services, of which there is one of alice's.

    Its clients can start jobs and poll them; processes, single results and the end of a job are OGC's.
    """

    name = "ncdjango"
    words = JOB_WORDS
    nowhere = "/geoprocessing/rest/nothing/at/all"
    somewhere = "/arcgis/rest/services"
    allowed = "GET, HEAD, OPTIONS"
    error = "Error"

    def documented(self, path: str) -> str:
        return super().documented(path).replace("/alices/map/", "/{name}/")

    def submit(self, client: FlaskClient, process_id: str, inputs: Mapping[str, Any]) -> TestResponse:
        body = {"job": process_id, "inputs": json.dumps(inputs)}
        return client.post("/geoprocessing/rest/jobs/", json=body)

    def job_id(self, submitted: TestResponse) -> str:
        return str(_body(submitted)["uuid"])

    def state(self, client: FlaskClient, process_id: str, job_id: str) -> TestResponse:
        return client.get(f"/geoprocessing/rest/jobs/{job_id}/")

    def state_word(self, response: TestResponse) -> str:
        word = super().state_word(response)
        return WORDS_OF_OGC.get(word, word)

    def reason(self, response: TestResponse) -> str:
        """Of jobs ``detail``, or the messages of fields, in the suite's words; of maps ``error``."""
        body = _body(response)
        if "type" in body:
            return super().reason(response)
        if "error" in body:
            assert body["error"]["code"] == response.status_code
            return str(body["error"]["message"])
        if "detail" in body:
            return str(body["detail"]).replace("No ProcessingJob matches", "there is no job that matches")
        ((_field, messages),) = body.items()
        told = "; ".join(messages).replace("Missing task inputs: ", "is missing: input 'text'")
        return re.sub(r"^(\w+): ", r"input '\1': ", told)

    def own(self, client: FlaskClient) -> str:
        return "/arcgis/rest/services/alices/map/MapServer"


class AppStoreDriver:
    name = "appstore"
    nowhere = "/appstore/collect/api/v1/nothing"
    somewhere = "/api/v1/status"
    allowed = "GET, HEAD, OPTIONS"
    error = "Failure"

    def documented(self, path: str) -> str:
        return re.sub(r"^/appstore/[a-z]+", "", path)

    def reason(self, response: TestResponse) -> str:
        body = _body(response)
        assert body.keys() == {"success", "message", "data"}
        assert (body["success"], body["data"]) == (False, None)
        return str(body["message"])

    def own(self, client: FlaskClient) -> str:
        return f"/api/v1/task?id={_body(client.post('/api/v1/task'))['data']['task_id']}"


WORDS_OF_OGC: Mapping[str, str] = {str(status): word for status, word in JOB_WORDS.items()}


def wording(driver: Driver, path: str) -> tuple[str, str]:
    """Whose API document describes a path, and the component of it that an error there is."""
    if isinstance(driver, NcdjangoDriver):
        if path.startswith(("/processes", "/jobs")):
            return "ogc", OgcDriver.error
        return driver.name, "JobError" if path.startswith("/geoprocessing") else driver.error
    return driver.name, driver.error


JOB_DRIVERS: Mapping[str, JobDriver] = {
    driver.name: driver for driver in (OgcDriver(), PestoDriver(), CcpDriver(), NcdjangoDriver())
}
DRIVERS: Mapping[str, Driver] = {
    **JOB_DRIVERS,
    **{driver.name: driver for driver in (AeonDriver(), AppStoreDriver())},
}
