"""POST /v1/stances and GET /v1/models."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import schemas
from quotes.artefacts import Artefact
from quotes.document import Reason, Span, Stance, StanceLabel
from tests.test_api import assert_problem, service
from tests.test_api_evaluations import LABEL_VALUES, VALUES, Labeller

pytestmark = pytest.mark.anyio

URL = "/v1/stances"
CONTEXT = "The mayor 🙂 said: “No truce now,” and left. “Not before spring,” she added."


class Reasoning(Labeller):
    """Has its first word for a reason."""

    def label(self, text, quotation):
        stance = super().label(text, quotation)
        first = Span(quotation[0].start, quotation[0].start + 2)
        return Stance(stance.label, stance.probabilities, (Reason(first, 0.5),))


async def test_a_stance_with_passages_of_the_context():
    async with service(Reasoning) as client:
        body = {"quotation": "No truce now,", "context": CONTEXT, "id": "7"}
        response = await client.post(URL, json=body)
    assert response.status_code == 200
    answer = schemas.QuotationStance.model_validate_json(response.content, strict=True)
    assert answer.id == "7"
    (span,) = answer.spans
    assert CONTEXT[span.start : span.end] == span.text == "No truce now,"
    assert span.utf16_start == span.start + 1
    assert answer.stance.label is StanceLabel.SUPPORT
    (reason,) = answer.stance.reasons
    assert (reason.text, reason.start, reason.weight) == ("No", span.start, 0.5)
    assert answer.models == {"stance": Artefact("stance", None, {"files": {}}).version}


async def test_a_quotation_in_pieces_and_one_without_context():
    async with service(Reasoning) as client:
        pieces = await client.post(URL, json={"quotation": "No truce now, not before spring", "context": CONTEXT})
        alone = await client.post(URL, json={"quotation": "No truce now"})
    assert [span["text"] for span in pieces.json()["spans"]] == ["No truce now,", "Not before spring,"]
    assert [(span["start"], span["end"]) for span in alone.json()["spans"]] == [(0, 12)]


async def test_the_real_classifier(pipeline):
    body = {
        "quotation": "The guns must fall silent tonight,",
        "context": "“The guns must fall silent tonight,” said the mayor of Oulmet.",
    }
    async with service(lambda: pipeline) as client:
        answer = schemas.QuotationStance.model_validate_json((await client.post(URL, json=body)).content)
        models = (await client.get("/v1/models")).json()["models"]
    assert answer.stance.label is StanceLabel.SUPPORT
    assert math.isclose(sum(answer.stance.probabilities.values()), 1, abs_tol=1e-6)
    for reason in answer.stance.reasons:
        assert body["context"][reason.start : reason.end] == reason.text
    assert answer.models == {model["name"]: model["version"] for model in models if model["name"] == "stance"}


CASES = {
    "no quotation": ({}, "invalid-request", "#/quotation"),
    "blank": ({"quotation": " ", "context": "a"}, "empty-article", "#/quotation"),
    "empty": ({"quotation": "", "context": "“a”"}, "empty-article", "#/quotation"),
    "blank context": ({"quotation": "a", "context": " "}, "empty-article", "#/context"),
    "elsewhere": ({"quotation": "No peace", "context": CONTEXT}, "quotation-not-found", "#/quotation"),
    "other words between": (
        {"quotation": "No truce now, she added", "context": CONTEXT},
        "quotation-not-found",
        "#/quotation",
    ),
    "unknown field": ({"quotation": "a", "speaker": "x"}, "invalid-request", "#/speaker"),
    "NUL": ({"quotation": "a", "context": "a\0"}, "invalid-request", "#/context"),
}


@pytest.mark.parametrize("case", CASES)
async def test_bad_requests_are_pointed_at(case):
    body, slug, pointer = CASES[case]
    async with service(Reasoning) as client:
        assert_problem(await client.post(URL, json=body), 422, slug, [pointer])


async def test_the_length_is_a_setting(monkeypatch):
    monkeypatch.setenv("QUOTES_MAX_CHARACTERS", "3")
    async with service(Reasoning) as client:
        assert (await client.post(URL, json={"quotation": "abc"})).status_code == 200
        response = await client.post(URL, json={"quotation": "abc", "context": "abcd"})
        assert_problem(response, 413, "article-too-long", ["#/context"])
        response = await client.post(URL, content=b"{}", headers={"Content-Type": "text/plain"})
        assert_problem(response, 415, "unsupported-media-type")


ANY_BODY = st.fixed_dictionaries({}, optional={"quotation": LABEL_VALUES, "context": VALUES, "id": VALUES})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(ANY_BODY.map(lambda value: json.dumps(value).encode()))
async def test_no_body_makes_the_service_fail(body):
    async with service(Reasoning) as client:
        response = await client.post(URL, content=body, headers={"Content-Type": "application/json"})
    if response.status_code != 200:
        assert response.status_code == 422
        schemas.Problem.model_validate_json(response.content)


async def test_it_is_documented():
    async with service(Reasoning) as client:
        api = (await client.get("/openapi.json")).json()
        operation = api["paths"][URL]["post"]
        assert operation["operationId"] == "labelStance"
        (example,) = operation["requestBody"]["content"]["application/json"]["examples"].values()
        assert (await client.post(URL, json=example["value"])).status_code == 200


# --- models ---


async def test_models_are_listed_as_on_the_command_line(pipeline):
    async with service(lambda: pipeline) as client:
        response = await client.get("/v1/models")
    listed = schemas.Models.model_validate_json(response.content, strict=True).models
    assert [model.name for model in listed] == ["attribution", "english", "stance"]
    for model in listed:
        artefact = pipeline.models[model.name]
        assert model.model_dump() == artefact.summary
        assert model.licence.startswith("CC BY")
        assert model.files == artefact.manifest["files"]
        assert model.scores


async def test_models_that_say_little_are_listed_too():
    async with service(Reasoning) as client:
        (model,) = schemas.Models.model_validate_json((await client.get("/v1/models")).content).models
    assert (model.name, model.licence, model.scores) == ("stance", "not stated", {})
