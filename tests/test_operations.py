"""What an operator sees of the service: metrics, logs, request ids."""

import asyncio
import gc
import io
import json
import logging
import re
import sys
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import logs
from quotes.artefacts import Artefact
from quotes.reading import from_text
from tests.test_api import URL, Canned, Quick, service
from tests.test_exports import TEXT, analysed

pytestmark = pytest.mark.anyio


async def samples(client):
    """The figures of /metrics, by name and labels."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(response.text)
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


# --- metrics ---


async def test_requests_are_counted_by_route_and_status():
    def of(method, route, status):
        return ("quotes_http_requests_total", ("method", method), ("route", route), ("status", str(status)))

    async with service() as client:
        await client.post(URL, json={"text": "a"})
        await client.post(URL, json={"text": "a"})
        await client.post(URL, json={})
        await client.get("/nowhere/1")
        await client.get("/nowhere/2")
        await client.request("BREW", URL)
        found = await samples(client)
    assert found[of("POST", URL, 200)] == 2
    assert found[of("POST", URL, 422)] == 1
    assert found[of("GET", "other", 404)] == 2  # what callers make up does not become a label
    assert found[of("other", URL, 405)] == 1
    timed = [value for name, value in found.items() if name[0] == "quotes_http_request_duration_seconds_count"]
    assert sum(timed) == sum(value for name, value in found.items() if name[0] == "quotes_http_requests_total")


async def test_quotations_are_counted_by_stance():
    async with service(Canned) as client:
        before = await samples(client)
        await client.post(URL, json={"text": TEXT})
        await client.post(URL, json={"text": TEXT}, headers={"Accept": "text/csv"})
        found = await samples(client)
    expected = Counter(q.stance.label.value if q.stance else "not_speech" for q in analysed(from_text(TEXT)).quotations)
    assert expected
    assert not [name for name in before if name[0] == "quotes_quotations_total"]  # warming up does not count
    assert {name[1][1]: value for name, value in found.items() if name[0] == "quotes_quotations_total"} == {
        stance: 2 * count for stance, count in expected.items()
    }


async def test_workers_and_models_are_told():
    class Versioned(Quick):
        models = {"stance": Artefact("stance", None, {"files": {"a": "b"}})}  # noqa: RUF012

    async with service(Versioned) as client:
        found = await samples(client)
    assert found["quotes_queue_depth",] == 0
    assert found["quotes_workers",] >= 1
    version = Versioned.models["stance"].version
    assert found["quotes_model_info", ("model", "stance"), ("version", version)] == 1
    assert found["process_resident_memory_bytes",] > 0


# --- request ids ---


async def test_a_sane_request_id_is_kept():
    async with service() as client:
        response = await client.post(URL, json={"text": "a"}, headers={"X-Request-Id": "save-17.b_~A"})
        assert response.headers["x-request-id"] == "save-17.b_~A"
        response = await client.post(URL, json={}, headers={"X-Request-Id": "save-18"})
        assert response.headers["x-request-id"] == response.json()["request_id"] == "save-18"


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 129, "é".encode(), '{"a":1}', "a\tb"])
async def test_another_request_id_is_made(given):
    async with service() as client:
        headers = {} if given is None else {"X-Request-Id": given}
        response = await client.get("/nowhere", headers=headers)
        again = await client.get("/nowhere", headers=headers)
    made = response.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert response.json()["request_id"] == made != again.headers["x-request-id"]


# --- the log ---


@pytest.fixture
def lines(monkeypatch):
    """Reads what was logged, with the service's own format in force."""
    root = logging.getLogger()
    stream = io.StringIO()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(sys, "stderr", stream)
    level = root.level
    logs.configure()
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.setLevel(level)
    logging.captureWarnings(False)


async def test_a_request_is_a_line(lines):
    async with service() as client:
        await client.post(URL + "?q=hush", json={"text": "Hush."}, headers={"X-Request-Id": "r1"})
        await client.get("/livez", headers={"X-Request-Id": "r2"})
    (line,) = [line for line in lines() if line.get("request_id") in ("r1", "r2")]
    assert {key: line[key] for key in ("event", "level", "method", "path", "route", "status", "client")} == {
        "event": "request",
        "level": "info",
        "method": "POST",
        "path": URL,
        "route": URL,
        "status": 200,
        "client": "127.0.0.1",
    }
    assert line["milliseconds"] >= 0
    assert line["timestamp"].endswith("Z")


async def test_no_word_of_an_article_is_logged(lines):
    class Broken(Quick):
        def analyse(self, article):
            if "hush" in article.text:
                try:
                    raise ValueError(article.text)
                except ValueError as error:
                    raise ExceptionGroup(article.text, [RuntimeError(article.text)]) from error
            return super().analyse(article)

    async with service(Broken) as client:
        for body in ({"text": "hush"}, {"text": "hu\ud800sh"}, {"html": "hush", "title": "hush"}, {"hush": "hush"}):
            content = json.dumps(body).encode()
            response = await client.post(URL, content=content, headers={"Content-Type": "application/json"})
            assert response.status_code in (500, 422)
        await client.post(URL, content=b'{"text": "hush', headers={"Content-Type": "application/json"})
        await client.post(URL, content=b"hush", headers={"Content-Type": "text/hush"})
    logged = lines()
    assert "hush" not in json.dumps(logged).lower().replace("hush_", "")
    failures = [line for line in logged if line["event"] == "an unexpected error"]
    assert len(failures) == 2
    for line in failures:
        assert line["level"] == "error"
        assert line["request_id"]
        assert {"ExceptionGroup", "RuntimeError", "ValueError"} <= {one["type"] for one in line["exception"]}
        assert any(frame.endswith("in analyse") for one in line["exception"] for frame in one["frames"])


def test_a_task_that_nobody_waits_for_tells_no_word_either(lines):
    async def fail():
        raise ValueError("hush")

    async def forget():
        task = asyncio.create_task(fail())
        await asyncio.wait([task])

    asyncio.run(forget())
    gc.collect()
    (line,) = lines()
    assert line["event"] == "Task exception was never retrieved"
    assert line["exception"][0]["type"] == "ValueError"
    assert "hush" not in json.dumps(line)
