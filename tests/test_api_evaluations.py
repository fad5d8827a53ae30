"""POST /v1/evaluations."""

import json
import threading

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from api import schemas
from api.limits import MAX_BODY_BYTES, MAX_EVALUATION_BYTES
from quotes.artefacts import Artefact
from quotes.document import Stance, StanceLabel
from quotes.evaluation.results import StanceMetrics
from tests.conftest import ROOT
from tests.test_api import Quick, assert_problem, service
from tests.test_evaluate_files import lines
from tests.test_evaluate_stance import LABELS, a_row, evaluate

pytestmark = pytest.mark.anyio

URL = "/v1/evaluations"


class Labeller(Quick):
    """Answers support; says what it was asked."""

    def __init__(self):
        self.asked = []
        self.models = {"stance": Artefact("stance", None, {"files": {}})}

    def label(self, text, quotation):
        self.asked.append((text, [span.of(text) for span in quotation]))
        return Stance(StanceLabel.SUPPORT, dict(zip(StanceLabel, (0.7, 0.1, 0.1, 0.1), strict=True)))


def row(number, label, **more):
    return {key: value for key, value in a_row(number, label, **more).items() if key != "document"}


async def test_predictions_are_measured_as_on_the_command_line(tmp_path, capsys):
    rows = []
    for n in range(24):
        answer = LABELS[(n + (n % 7 == 0)) % 4]
        shares = {label: 0.7 if label == answer else 0.1 for label in LABELS}
        rows.append(row(n, LABELS[n % 4], group=str(n // 4), prediction=answer, probabilities=shares))
    async with service(Labeller) as client:
        response = await client.post(URL, json={"rows": rows, "seed": 5})
    assert response.status_code == 200
    metrics = response.json()
    TypeAdapter(StanceMetrics).validate_json(response.content)
    test, pred, report = lines(tmp_path / "t", *rows), tmp_path / "predictions", tmp_path / "r"
    lines(pred, *rows)
    assert evaluate(test, "--predictions", pred, "--report", report, "--seed", 5) == 0
    stored = json.loads((report / "metrics.json").read_text())
    del stored["test"]
    assert metrics == stored


async def test_without_predictions_the_classifier_answers():
    labeller = Labeller()
    rows = [row(0, "FAVOR"), {"quote": "No.", "label": "none"}]
    async with service(lambda: labeller) as client:
        response = await client.post(URL, json={"rows": rows, "map": {"Favor": "support"}})
    assert response.status_code == 200
    metrics = response.json()
    assert labeller.asked == [("“sentence 0,” she said.", ["sentence 0"]), ("No.", ["No."])]
    assert metrics["system"].startswith("shipped classifier (stance ")
    assert metrics["scores"]["accuracy"]["value"] == 0.5
    assert metrics["interval"]["over"] == "rows"
    assert metrics["labels"] == ["support", "none"]


async def test_the_real_classifier(pipeline):
    rows = [{"quote": "We call for an immediate ceasefire", "label": "support"}]
    async with service(lambda: pipeline) as client:
        response = await client.post(URL, json={"rows": rows})
    assert response.json()["scores"]["accuracy"] == {"value": 1, "low": 1, "high": 1}


CASES = {
    "no rows": ({}, ["#/rows"]),
    "empty": ({"rows": []}, ["#/rows"]),
    "no quote": ({"rows": [{"label": "none"}]}, ["#/rows/0/quote"]),
    "blank quote": ({"rows": [{"quote": " ", "label": "none"}]}, ["#/rows/0/quote"]),
    "unknown label": ({"rows": [row(0, "none"), row(1, "FAVOR")]}, ["#/rows/1/label"]),
    "elsewhere": ({"rows": [row(0, "none", quote="elsewhere")]}, ["#/rows/0/quote"]),
    "unknown field": ({"rows": [row(0, "none", war="x")]}, ["#/rows/0/war"]),
    "NUL": ({"rows": [row(0, "none", group="\0")]}, ["#/rows/0/group"]),
    "map to nowhere": ({"rows": [row(0, "none")], "map": {"FAVOR": "pro"}}, ["#/map/FAVOR"]),
    "seed": ({"rows": [row(0, "none")], "seed": -1}, ["#/seed"]),
    "some predictions": (
        {"rows": [row(0, "none", prediction="none"), row(1, "none")]},
        ["#/rows/1/prediction"],
    ),
    "probabilities of nothing": (
        {"rows": [row(0, "none", probabilities={"none": 1})]},
        ["#/rows/0/prediction"],
    ),
    "bad prediction": ({"rows": [row(0, "none", prediction="maybe")]}, ["#/rows/0/prediction"]),
    "bad probabilities": (
        {"rows": [row(0, "none", prediction="none", probabilities={"none": 0.5})]},
        ["#/rows/0/probabilities"],
    ),
    "several": (
        {"rows": [row(0, "A", prediction="B"), row(1, "none", prediction="none"), row(2, "C", prediction="none")]},
        ["#/rows/0/label", "#/rows/0/prediction", "#/rows/2/label"],
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_bad_rows_are_pointed_at(case):
    body, pointers = CASES[case]
    async with service(Labeller) as client:
        response = await client.post(URL, json=body)
    assert_problem(response, 422, "invalid-request", pointers)


async def test_other_problems_are_the_same_as_elsewhere():
    async with service(Labeller) as client:
        assert_problem(await client.get(URL), 405, "method-not-allowed")
        assert_problem(await client.post(URL, content=b"{}"), 415, "unsupported-media-type")
        response = await client.post(URL, content=b"{", headers={"Content-Type": "application/json"})
        assert_problem(response, 400, "malformed-body", ["#"])


VALUES = (
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(exclude_categories=()), max_size=4)
)
LABEL_VALUES = st.sampled_from([*LABELS, "FAVOR"]) | VALUES
ANY_ROW = st.fixed_dictionaries(
    {"quote": st.text(max_size=4), "label": LABEL_VALUES},
    optional={
        "context": VALUES,
        "id": VALUES,
        "group": VALUES,
        "prediction": LABEL_VALUES,
        "probabilities": st.dictionaries(st.sampled_from([*LABELS, "FAVOR", ""]), VALUES, max_size=3),
    },
)
ANY_BODY = st.fixed_dictionaries(
    {"rows": st.lists(ANY_ROW, max_size=3)},
    optional={"map": st.dictionaries(st.text(max_size=5), LABEL_VALUES, max_size=2), "seed": VALUES},
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_BODY.map(lambda value: json.dumps(value).encode()))
async def test_no_body_makes_the_service_fail(body):
    async with service(Labeller) as client:
        response = await client.post(URL, content=body, headers={"Content-Type": "application/json"})
    if response.status_code != 200:
        assert response.status_code in (400, 422)
        schemas.Problem.model_validate_json(response.content)


async def test_how_many_rows_there_may_be_is_a_setting(monkeypatch):
    monkeypatch.setenv("QUOTES_MAX_ROWS", "2")
    async with service(Labeller) as client:
        rows = [row(n, "support") for n in range(3)]
        assert (await client.post(URL, json={"rows": rows[:2]})).status_code == 200
        problem = assert_problem(await client.post(URL, json={"rows": rows}), 413, "too-many-rows", ["#/rows"])
    assert problem.detail == "there are 3 rows, more than the 2 allowed; send fewer"


async def test_a_test_set_may_be_larger_than_an_article():
    async with service(Labeller) as client:
        rows = [{"quote": "a" * 1000, "label": "support"}] * (MAX_BODY_BYTES // 1000 + 1)
        assert (await client.post(URL, json={"rows": rows})).status_code == 200
        body = b'{"rows": [{"quote": "' + b"a" * MAX_EVALUATION_BYTES + b'"}]}'
        response = await client.post(URL, content=body, headers={"Content-Type": "application/json"})
        assert_problem(response, 413, "body-too-large")


async def test_an_evaluation_does_not_block_the_event_loop():
    release = threading.Event()

    class Slow(Labeller):
        def label(self, text, quotation):
            assert release.wait(30)
            return super().label(text, quotation)

    async with service(Slow) as client, anyio.create_task_group() as tasks:
        answers = []

        async def ask():
            answers.append((await client.post(URL, json={"rows": [row(0, "support")]})).status_code)

        tasks.start_soon(ask)
        await anyio.sleep(0.05)
        with anyio.fail_after(5):
            assert (await client.get("/livez")).status_code == 200
        assert answers == []
        release.set()
    assert answers == [200]


async def test_it_is_documented():
    async with service(Labeller) as client:
        api = (await client.get("/openapi.json")).json()
        operation = api["paths"][URL]["post"]
        assert operation["operationId"] == "evaluateStances"
        assert operation["responses"].keys() >= {"200", "400", "413", "415", "422", "500", "503", "504"}
        assert operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/StanceMetrics")
        (example,) = operation["requestBody"]["content"]["application/json"]["examples"].values()
        assert (await client.post(URL, json=example["value"])).status_code == 200


async def test_the_body_in_the_documents_is_answered():
    text = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    body = text.partition("localhost:8000/v1/evaluations")[2].partition("-d '")[2].partition("'")[0]
    async with service(Labeller) as client:
        response = await client.post(URL, json=json.loads(body))
    assert response.json()["scores"]["accuracy"]["value"] == 1
