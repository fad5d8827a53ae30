import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from typing import ClassVar

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import schemas
from api.answers import Form
from api.app import create_app
from api.limits import MAX_BODY_BYTES
from quotes.artefacts import Artefact
from quotes.document import Analysis
from quotes.errors import ArtefactMissing
from quotes.exports import to_dict
from quotes.people_file import PeopleFile
from quotes.reading import from_html, from_text
from tests.conftest import ROOT
from tests.served import served
from tests.test_exports import HTML, TEXT, analysed
from tests.threads import ThreadNursery

pytestmark = pytest.mark.anyio

URL = "/v1/analyses"


class Quick:
    """Stands where the models are not what is tested."""

    models: ClassVar[dict[str, Artefact]] = {}

    def analyse(self, article):
        return Analysis(article, ())


class Canned(Quick):
    """Gives analyses that have everything an analysis can have."""

    def analyse(self, article):
        return analysed(article) if "Iron Lady" in article.text else Analysis(article, ())


@asynccontextmanager
async def service(load=Quick, ready=True):
    """A client of the service, in process."""
    app = create_app(load, ThreadNursery)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://quotes") as client,
    ):
        while ready and (await client.get("/readyz")).status_code == 503:
            await anyio.sleep(0.01)
        yield client


def assert_problem(response, status, slug, pointers=()):
    """The one shape of every error."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = schemas.Problem.model_validate_json(response.content)
    assert problem.type == f"urn:problem-type:quotes:{slug}"
    assert problem.status == status
    assert problem.title
    assert problem.detail
    assert problem.instance == response.request.url.raw_path.partition(b"?")[0].decode()
    assert [error.pointer for error in problem.errors] == list(pointers)
    assert all(error.detail for error in problem.errors)
    return problem


# --- analyses ---


@pytest.mark.parametrize(
    ("body", "article"),
    [
        ({"text": TEXT}, from_text(TEXT)),
        ({"text": TEXT, "title": "T", "url": "U", "id": "I"}, from_text(TEXT, title="T", url="U", id="I")),
        ({"html": HTML, "text": None}, from_html(HTML)),
    ],
)
async def test_the_answer_is_the_exported_analysis(body, article):
    async with service(Canned) as client:
        response = await client.post(URL, json=body)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == to_dict(analysed(article))
    schemas.Analysis.model_validate_json(response.content, strict=True)


@pytest.mark.parametrize("name", ["ceasefire_vote.txt", "aid_convoy.html"])
async def test_a_real_article(pipeline, articles, name):
    text = (articles / name).read_text(encoding="utf-8")
    async with service(lambda: pipeline) as client:
        response = await client.post(URL, json={name.rpartition(".")[2].replace("txt", "text"): text})
    analysis = schemas.Analysis.model_validate_json(response.content)
    assert analysis.quotations
    for passage in (span for quotation in analysis.quotations for span in quotation.spans):
        assert (analysis.article.text or text)[passage.start : passage.end] == passage.text


async def test_the_people_file_is_a_setting(monkeypatch, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("identifier,name,aliases\ndesk-0102,Ann B. Lee,Ann Lee\n")
    monkeypatch.setenv("QUOTES_PEOPLE", str(path))
    async with service(Canned) as client:
        response = await client.post(URL, json={"text": TEXT})
    speaker = schemas.Analysis.model_validate_json(response.content, strict=True).quotations[0].speaker
    assert (speaker.name, speaker.identifier) == ("Ann B. Lee", "desk-0102")
    assert response.json() == to_dict(PeopleFile.read(path).pin(analysed(from_text(TEXT))))


def test_a_bad_people_file_stops_the_service_at_its_start(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("name\nAnn Lee\nann lee\n")
    said = f"{path}, line 3: “ann lee” is already a name of Ann Lee, on line 2; leave it with one of the two"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QUOTES_PEOPLE": str(path)}
    command = [sys.executable, "-m", "quotes.cli", "serve", "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == f"quotes: {said}"
    assert b"Traceback" not in done.stderr


# --- errors ---

CASES = {
    "no fields": (b"{}", 422, "invalid-request", ["#"]),
    "both": (b'{"text": "a", "html": "b"}', 422, "invalid-request", ["#"]),
    "nulls": (b'{"text": null, "html": null}', 422, "invalid-request", ["#"]),
    "unknown field": (b'{"text": "a", "a/b~c d": 1}', 422, "invalid-request", ["#/a~1b~0c%20d"]),
    "wrong types": (b'{"text": 1, "title": []}', 422, "invalid-request", ["#/text", "#/title"]),
    "no object": (b"[]", 422, "invalid-request", ["#"]),
    "no body": (b"", 422, "invalid-request", ["#"]),
    "NaN": (b"NaN", 422, "invalid-request", ["#"]),
    "surrogate": (rb'{"text": "a\ud800"}', 422, "invalid-request", ["#/text"]),
    "surrogate in html": (rb'{"html": "<p>\udfff"}', 422, "invalid-request", ["#/html"]),
    "surrogate in id": (rb'{"text": "a", "id": "\ud800"}', 422, "invalid-request", ["#/id"]),
    "surrogate in a name": (rb'{"text": "a", "\ud800": 1}', 422, "invalid-request", ["#"]),
    "surrogate as bytes": (b'{"text": "\xed\xa0\x80"}', 422, "invalid-request", ["#/text"]),
    "NUL": (rb'{"text": "a\u0000"}', 422, "invalid-request", ["#/text"]),
    "empty": (b'{"text": ""}', 422, "empty-article", ["#/text"]),
    "blank": (b'{"text": " \\n\\u200b"}', 422, "empty-article", ["#/text"]),
    "blank html": (b'{"html": "<p> </p>"}', 422, "empty-article", ["#/html"]),
    "cut off": (b'{"text": "a', 400, "malformed-body", ["#"]),
    "no JSON": (b"text=a", 400, "malformed-body", ["#"]),
    "not UTF-8": (b'{"text": "caf\xe9"}', 400, "malformed-body", ["#"]),
    "deep": (b"[" * 200_000, 400, "malformed-body", ["#"]),
    "huge number": (b"1" * 10_000, 400, "malformed-body", ["#"]),
    "too large": (b'{"text": "' + b"a" * MAX_BODY_BYTES + b'"}', 413, "body-too-large", []),
}


@pytest.mark.parametrize("case", CASES)
async def test_bad_bodies_get_problems(case):
    body, *expected = CASES[case]
    async with service() as client:
        response = await client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert_problem(response, *expected)


async def test_details_help():
    async with service() as client:

        async def detail(body):
            response = await client.post(URL, content=body, headers={"Content-Type": "application/json"})
            return response.json()["detail"]

        assert await detail(b'{"text": }') == "Expecting value at character 9"
        assert await detail(b'{"text": "caf\xe9"}') == "byte 13 of the body is not UTF-8"
        assert await detail(b"[" * 200_000) == "the body is nested too deeply"
        assert await detail(b"{}") == "give exactly one of text, html and ninjs"
        assert "offset 1 is the lone surrogate U+D800" in await detail(rb'{"text": "a\ud800"}')
        many = json.dumps({str(number): 1 for number in range(10_000)}).encode()
        assert len(await detail(many)) < 10_000


async def test_other_errors_get_problems_too():
    async with service() as client:
        assert_problem(await client.get("/nowhere/%C3%A9?x=1"), 404, "not-found")
        assert_problem(await client.post(URL + "/", json={"text": "a"}), 404, "not-found")
        response = await client.get(URL)
        assert_problem(response, 405, "method-not-allowed")
        assert response.headers["allow"] == "POST"
        for declared in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", "nonsense", ""):
            headers = {"Content-Type": declared} if declared else {}
            response = await client.post(URL, content=b'{"text": "a"}', headers=headers)
            assert_problem(response, 415, "unsupported-media-type")
        headers = {"Content-Type": "Application/JSON; charset=utf-8"}
        assert (await client.post(URL, content=b'{"text": "a"}', headers=headers)).status_code == 200


async def test_the_article_length_is_a_setting(monkeypatch):
    monkeypatch.setenv("QUOTES_MAX_CHARACTERS", "3")
    async with service() as client:
        assert (await client.post(URL, json={"text": "𝒳𝒳𝒳"})).status_code == 200
        assert_problem(await client.post(URL, json={"text": "four"}), 413, "article-too-long", ["#/text"])


async def test_the_nesting_of_html_is_a_setting(monkeypatch):
    monkeypatch.setenv("QUOTES_MAX_NESTING", "3")
    async with service() as client:
        assert (await client.post(URL, json={"html": "<div>" * 3 + "text"})).status_code == 200
        assert_problem(await client.post(URL, json={"html": "<div>" * 4 + "text"}), 413, "article-too-deep", ["#/html"])


async def test_failures_are_problems_that_tell_nothing():
    class Broken(Quick):
        def analyse(self, article):
            if "fail" in article.text:
                raise RuntimeError("secret")
            return super().analyse(article)

    async with service(Broken) as client:
        response = await client.post(URL, json={"text": "fail"})
        assert_problem(response, 500, "internal-error")
        assert "secret" not in response.text
        assert (await client.post(URL, json={"text": "a"})).status_code == 200


async def test_a_body_is_refused_while_it_arrives():
    """Without Content-Length, and without waiting for the end of it."""
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 100_000
            yield b" " * 100_000

    messages = []
    app = create_app(Quick, ThreadNursery)
    scope = {
        "type": "http",
        "method": "POST",
        "path": URL,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    chunks = endless()

    async def receive():
        return {"type": "http.request", "body": await anext(chunks), "more_body": True}

    async def send(message):
        messages.append(message)

    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    assert messages[0]["status"] == 413
    assert json.loads(messages[1]["body"])["type"].endswith("body-too-large")
    assert sent == MAX_BODY_BYTES + 100_000


async def test_a_body_of_just_the_limit_is_read():
    body = b'{"text": "' + b"a" * (MAX_BODY_BYTES - 12) + b'"}'
    assert len(body) == MAX_BODY_BYTES
    async with service() as client:
        response = await client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 200


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(exclude_categories=())),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.sampled_from(["text", "html", "title", "url", "id"]) | st.text(max_size=3), children)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50))
async def test_no_body_makes_the_service_fail(body):
    async with service() as client:
        response = await client.post(URL, content=body, headers={"Content-Type": "application/json"})
    if response.status_code != 200:
        assert response.status_code in (400, 422)
        schemas.Problem.model_validate_json(response.content)


# --- readiness, and the event loop ---


async def test_ready_only_once_the_models_have_analysed_a_sentence():
    loaded, analysed_one = threading.Event(), threading.Event()

    class Slow(Quick):
        def analyse(self, article):
            assert analysed_one.wait(30)
            return super().analyse(article)

    def load():
        assert loaded.wait(30)
        return Slow()

    async with service(load, ready=False) as client:
        for event in (loaded, analysed_one):
            assert (await client.get("/livez")).json() == {"status": "live"}
            for response in (await client.get("/readyz"), await client.post(URL, json={"text": "a"})):
                assert_problem(response, 503, "not-ready")
                assert response.headers["retry-after"]
            event.set()
            await anyio.sleep(0.05)
        with anyio.fail_after(30):
            while (response := await client.get("/readyz")).status_code == 503:
                await anyio.sleep(0.01)
        assert (response.status_code, response.json()) == (200, {"status": "ready"})
        assert (await client.post(URL, json={"text": "a"})).status_code == 200


async def test_models_that_do_not_load_are_reported(caplog):
    def load():
        raise ArtefactMissing("no models in /secret/place")

    async with service(load, ready=False) as client:
        with anyio.fail_after(30):
            while "loaded; the" not in (response := await client.get("/readyz")).json()["detail"]:
                await anyio.sleep(0.01)
        problem = assert_problem(response, 503, "not-ready")
        assert "secret" not in problem.detail
        assert (await client.get("/livez")).status_code == 200
    assert "no models in /secret/place" in caplog.text


async def test_an_analysis_does_not_block_the_event_loop():
    release = threading.Event()

    class Slow(Quick):
        def analyse(self, article):
            assert "slow" not in article.text or release.wait(30)
            return super().analyse(article)

    async with service(Slow) as client, anyio.create_task_group() as tasks:
        answers = []

        async def ask(text):
            answers.append((await client.post(URL, json={"text": text, "id": text})).json()["article"]["id"])

        tasks.start_soon(ask, "slow")
        await anyio.sleep(0.05)
        tasks.start_soon(ask, "next")
        for _ in range(5):
            with anyio.fail_after(5):
                assert (await client.get("/livez")).status_code == 200
                assert (await client.get("/readyz")).status_code == 200
        assert answers == []
        release.set()
        with anyio.fail_after(5):
            while len(answers) < 2:
                await anyio.sleep(0.01)
        assert answers == ["slow", "next"]


# --- documentation ---


async def test_openapi_documents_what_is_answered():
    async with service() as client:
        api = (await client.get("/openapi.json")).json()
        assert (await client.get("/docs")).status_code == 200
        assert api["openapi"].startswith("3.1")
        operations = {
            operation["operationId"]: operation for path in api["paths"].values() for operation in path.values()
        }
        assert operations.keys() >= {"analyseArticle", "evaluateStances", "isLive", "isReady"}
        analyse = operations["analyseArticle"]
        expected = {"200", "400", "406", "409", "413", "415", "422", "500", "503", "504"}
        assert analyse["responses"].keys() >= expected
        for operation in operations.values():
            for status, response in operation["responses"].items():
                assert (list(response.get("content", ())) == ["application/problem+json"]) == (status >= "400")
        assert analyse["responses"]["200"]["content"].keys() == {str(form) for form in Form}


# --- over a real socket ---


@pytest.fixture(scope="module")
def server():
    """`quotes serve` in a process of its own; it serves whether or not the models are there."""
    with served() as service:
        yield service.url


def test_served_errors_are_problems(server):
    with httpx.Client(base_url=server) as client:
        assert_problem(client.get("/nowhere"), 404, "not-found")
        assert_problem(client.put(URL), 405, "method-not-allowed")
        assert_problem(
            client.post(URL, content=b"{}", headers={"Content-Type": "text/html"}), 415, "unsupported-media-type"
        )
        headers = {"Content-Type": "application/json"}
        for body, *expected in CASES.values():
            if expected[1] != "empty-article":  # known to the worker only, which may still be loading
                assert_problem(client.post(URL, content=body, headers=headers), *expected)


@pytest.mark.parametrize("declared", [True, False])
def test_served_limits_are_enforced_while_the_body_arrives(server, declared):
    """A client that sends a head and a part of the body is answered without sending the rest."""
    host, _, port = server.rpartition("/")[2].partition(":")
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        if declared:
            connection.sendall(head + f"Content-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode())
        else:
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(MAX_BODY_BYTES // 10_000 + 1):
                connection.sendall(b"2710\r\n" + b" " * 10_000 + b"\r\n")
        answer = b""
        while b"body-too-large" not in answer:
            received = connection.recv(65536)
            assert received, answer
            answer += received
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"content-type: application/problem+json" in answer


def test_served_analysis(server, pipeline):
    with httpx.Client(base_url=server, timeout=60) as client:
        for _ in range(600):
            if (ready := client.get("/readyz")).status_code == 200:
                break
            time.sleep(0.1)
        assert ready.json() == {"status": "ready"}
        response = client.post(URL, json={"text": "“We want peace,” Ann Lee said.", "id": "1"})
    analysis = schemas.Analysis.model_validate_json(response.content)
    assert analysis.article.id == "1"
    assert analysis.quotations[0].text.startswith("We want peace")
    assert analysis.quotations[0].speaker.name == "Ann Lee"
