"""The real service, with the shipped models, under requests that no honest client sends: none gets a 500."""

import re

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import schemas
from api.openapi import operations
from tests import hostile
from tests.served import served
from tests.test_api import assert_problem

pytestmark = pytest.mark.slow

JSON = {"Content-Type": "application/json"}


def thorough(examples):
    """So many examples, the same every time."""
    return settings(max_examples=examples, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "quotes.sqlite"
    with served(QUOTES_DATABASE=str(path), QUOTES_WORKERS="2", QUOTES_TIME_LIMIT="10") as service:
        service.wait_until_ready()
        with httpx.Client(base_url=service.url, timeout=120) as client:
            yield client


@pytest.fixture(scope="module")
def endpoints(client):
    """The method and the path of every operation, and the names of the fields that its body has."""
    document = client.get("/openapi.json").json()
    found = []
    for path, method, operation in operations(document):
        names = []
        if "requestBody" in operation:
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            names = sorted(document["components"]["schemas"][reference.rpartition("/")[2]]["properties"])
        found.append((method, path, names))
    return found


def drawn(path, data):
    """The path with something hostile in place of its parameters."""
    return re.sub(r"\{.*?\}", lambda _: data.draw(hostile.segments), path)


def assert_survived(response):
    """Answered, or refused with a reason that is the caller's."""
    if response.status_code >= 400:
        problem = schemas.Problem.model_validate_json(response.content)
        assert response.headers["content-type"] == "application/problem+json"
        assert response.status_code == problem.status < 500, problem


@thorough(1000)
@given(data=st.data())
def test_a_thousand_hostile_bodies(client, endpoints, data):
    method, path, names = data.draw(st.sampled_from([one for one in endpoints if one[2]]))
    content = data.draw(hostile.bodies(names))
    assert_survived(client.request(method, drawn(path, data), content=content, headers=JSON))


@thorough(300)
@given(data=st.data())
def test_hostile_paths_and_headers(client, endpoints, data):
    method, path, _ = data.draw(st.sampled_from(endpoints))
    url = f"{drawn(path, data)}?{data.draw(hostile.segments)}={data.draw(hostile.segments)}"
    assert_survived(client.request(method, url, headers=data.draw(hostile.headers)))


@pytest.mark.parametrize("field", ["text", "html"])
@pytest.mark.parametrize("case", hostile.large("text"))
def test_large_hostile_bodies(client, field, case):
    response = client.post("/v1/analyses", content=hostile.large(field)[case], headers=JSON)
    if response.status_code == 504:  # a hundred thousand quotations take longer than the limit
        assert_problem(response, 504, "time-limit")
    else:
        assert_survived(response)


@pytest.mark.parametrize("case", hostile.CROWDS)
def test_millions_of_mistakes(client, case):
    """To tell each of them would take minutes and gigabytes, in the process that answers everybody."""
    path, content = hostile.CROWDS[case]
    response = client.post(path, content=content, headers=JSON)
    assert_survived(response)
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 1


def test_it_still_works(client):
    response = client.post("/v1/analyses", json={"text": "“We leave at dawn,” said Ilva Daremont."})
    assert response.json()["quotations"][0]["speaker"]["name"] == "Ilva Daremont"
