"""The OpenAPI document, and that every operation in it answers errors in one shape."""

import re
from contextlib import asynccontextmanager

import pytest

from api.guard import METRICS, scope_needed
from api.limits import MAX_BATCH_BYTES
from api.openapi import operations
from quotes.cli import main
from tests import examples
from tests.test_api import assert_problem, service

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")


@asynccontextmanager
async def documented_service(**options):
    """A client of the service, and its OpenAPI document."""
    async with service(**options) as client:
        yield client, (await client.get("/openapi.json")).json()


def concrete(path):
    """The path with something in place of its parameters."""
    return re.sub(r"\{.*?\}", "none", path)


def guarded(document):
    """The operations for which a key may be asked for."""
    return [(path, method, op) for path, method, op in operations(document) if scope_needed(method, path)]


def taking_json(document):
    """The operations that take a body."""
    return [(path, method, op) for path, method, op in operations(document) if "requestBody" in op]


# --- the document ---


async def test_the_document_is_complete():
    async with documented_service() as (_, document):
        assert document["openapi"].startswith("3.1")
        ids = [operation["operationId"] for *_, operation in operations(document)]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z][a-zA-Z]+", id) for id in ids)
        for path, method, operation in operations(document):
            assert operation["summary"]
            assert operation["description"]
            assert operation["tags"]
            assert {"500"} | ({"401", "403"} if scope_needed(method, path) else set()) <= operation["responses"].keys()
            for status, response in operation["responses"].items():
                assert "X-Request-Id" in response["headers"]
                if status >= "400":
                    ((media_type, content),) = response["content"].items()
                    assert media_type == "application/problem+json"
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                if status in ("401", "403"):
                    assert "WWW-Authenticate" in response["headers"]
                if status == "429":
                    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= response["headers"].keys()


async def test_every_operation_has_an_example_of_its_answer():
    async with documented_service() as (_, document):
        for path, _, operation in operations(document):
            contents = [
                content
                for status, response in operation["responses"].items()
                for content in response.get("content", {}).values()
                if status.startswith("2")
            ]
            assert path == METRICS or not contents or any("examples" in content for content in contents), path
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert content["examples"]


async def test_the_examples_are_what_the_shipped_models_answer(pipeline):
    """When models or forms of answers change, `python -m tests.examples` writes the examples anew."""
    async with service(lambda: pipeline) as client:
        now = await examples.held_again(client)
    written = examples.recorded()
    assert len(written) == len(now)
    for before, after in zip(written, now, strict=True):
        assert_same(examples.settled(after), examples.settled(before), after["name"])


def assert_same(value, expected, at):
    """Equal; numbers nearly, since other machines round otherwise."""
    if isinstance(expected, dict):
        assert value.keys() == expected.keys(), at
        for key, part in expected.items():
            assert_same(value[key], part, f"{at}/{key}")
    elif isinstance(expected, list):
        assert len(value) == len(expected), at
        for position, part in enumerate(expected):
            assert_same(value[position], part, f"{at}/{position}")
    else:
        assert value == (pytest.approx(expected, abs=1e-3) if isinstance(expected, float) else expected), at


# --- one shape of errors ---


async def test_what_is_not_there():
    async with documented_service() as (client, document):
        for path in document["paths"]:
            assert_problem(await client.get(concrete(path) + "/"), 404, "not-found")


async def test_methods_that_are_not_allowed():
    async with documented_service() as (client, document):
        for path, item in document["paths"].items():
            allowed = {method.upper() for method in item}
            for method in {*METHODS} - allowed:
                response = await client.request(method, concrete(path))
                assert_problem(response, 405, "method-not-allowed")
                assert set(response.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("content", "headers", "status", "slug", "pointers"),
    [
        (b'{"a', JSON, 400, "malformed-body", ["#"]),
        (b"[" * 200_000, JSON, 400, "malformed-body", ["#"]),
        (b"\xff", JSON, 400, "malformed-body", ["#"]),
        (b"[]", JSON, 422, "invalid-request", ["#"]),
        (b"", JSON, 422, "invalid-request", ["#"]),
        (b"{}", {}, 415, "unsupported-media-type", []),
        (b"{}", {"Content-Type": "text/html"}, 415, "unsupported-media-type", []),
        (b'"' + b"a" * MAX_BATCH_BYTES + b'"', JSON, 413, "body-too-large", []),
    ],
    ids=["cut off", "deep", "no UTF-8", "no object", "no body", "no type", "another type", "large"],
)
async def test_bodies_that_are_refused(content, headers, status, slug, pointers):
    async with documented_service() as (client, document):
        assert taking_json(document)
        for path, method, operation in taking_json(document):
            response = await client.request(method, concrete(path), content=content, headers=headers)
            assert_problem(response, status, slug, pointers)
            assert str(status) in operation["responses"]


async def test_callers_that_are_refused(monkeypatch, capsys):
    monkeypatch.setenv("QUOTES_RATE_LIMIT", "1/hour")
    main(["keys", "create", "reader", "--scope", "read"])
    headers = {"Authorization": f"Bearer {capsys.readouterr().out.strip()}"}
    async with documented_service() as (client, document):
        await client.get("/nowhere", headers=headers)
        for path, method, operation in guarded(document):
            counted = path != METRICS
            expected = (429, "too-many-requests") if counted else (403, "insufficient-scope")
            assert_problem(await client.request(method, concrete(path), headers=headers), *expected)
            assert str(expected[0]) in operation["responses"]


async def test_callers_without_a_key(capsys):
    main(["keys", "create", "reader", "--scope", "read"])
    headers = {"Authorization": f"Bearer {capsys.readouterr().out.strip()}"}
    async with documented_service() as (client, document):
        for path, method, operation in guarded(document):
            assert_problem(await client.request(method, concrete(path)), 401, "unauthenticated")
            assert {"401", "403"} <= operation["responses"].keys()
            if scope_needed(method, path) != "read":
                response = await client.request(method, concrete(path), headers=headers)
                assert_problem(response, 403, "insufficient-scope")


async def test_failures_inside(monkeypatch):
    async def broken(self, job):
        raise RuntimeError("secret")

    async with documented_service() as (client, document):
        monkeypatch.setattr("api.database.Database.read", broken)
        for path, method, _ in guarded(document):
            response = await client.request(method, concrete(path), content=b"{}", headers=JSON)
            assert_problem(response, 500, "internal-error")
            assert "secret" not in response.text
