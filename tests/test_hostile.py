"""The real service, with the shipped models, under bodies that no honest client sends: none gets a 500, none ends a worker."""

from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.openapi import operations
from tests.hostile import bodies, large, texts
from tests.served import served
from tests.test_api import assert_problem

pytestmark = pytest.mark.slow

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "quotes.sqlite"
    with served(QUOTES_DATABASE=str(path), QUOTES_WORKERS="2", QUOTES_TIME_LIMIT="10") as service:
        service.wait_until_ready()
        with httpx.Client(base_url=service.url, timeout=120) as client:
            yield client


@pytest.fixture(scope="module")
def targets(client):
    """The method and path of every operation that takes a body, and the names of the fields that it knows."""
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    found = []
    for path, method, operation in operations(document):
        if "requestBody" in operation:
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            found.append((method, path, sorted(schemas[reference.rpartition("/")[2]]["properties"])))
    return found


def assert_survived(response):
    """Answered, or refused with a reason that is the caller's."""
    if response.status_code >= 400:
        problem = response.json()
        assert response.status_code < 500, problem
        pointers = [error["pointer"] for error in problem["errors"]]
        assert_problem(response, response.status_code, problem["type"].rpartition(":")[2], pointers)


@settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_thousand_hostile_bodies(client, targets, data):
    method, path, names = data.draw(st.sampled_from(targets))
    content = data.draw(bodies(names))
    if "{" in path:
        id = data.draw(texts.filter(lambda text: 0 < len(text) < 300))
        path = path[: path.index("{")] + quote(id.encode("utf-8", "surrogatepass"), safe="")
    assert_survived(client.request(method, path, content=content, headers=JSON))


@pytest.mark.parametrize("field", ["text", "html"])
@pytest.mark.parametrize("case", large("text"))
def test_large_hostile_bodies(client, field, case):
    response = client.post("/v1/analyses", content=large(field)[case], headers=JSON)
    if response.status_code == 504:  # a hundred thousand quotations take longer than the limit
        assert_problem(response, 504, "time-limit")
    else:
        assert_survived(response)


def test_it_still_works(client):
    response = client.post("/v1/analyses", json={"text": "“We leave at dawn,” said Ilva Daremont."})
    assert response.json()["quotations"][0]["speaker"]["name"] == "Ilva Daremont"
