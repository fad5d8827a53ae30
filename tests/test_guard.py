"""API keys, scopes, rate limits, and where the service may listen."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import httpx
import pytest

from api import keys
from api.guard import scope_needed
from quotes.cli import main
from quotes.errors import InputError
from quotes.settings import settings_in_force
from tests.conftest import ROOT
from tests.test_api import URL, assert_problem, service

pytestmark = pytest.mark.anyio

TEXT = {"text": "a"}


@pytest.fixture
def made(capsys):
    """Makes a key as an operator does; returns what the command prints."""

    def make(scope, name="desk"):
        assert main(["keys", "create", name, "--scope", scope]) == 0
        return capsys.readouterr().out.strip()

    return make


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


# --- keys ---


async def test_without_keys_nothing_is_asked_for():
    async with service() as client:
        for headers in ({}, bearer("quotes_1_2"), {"Authorization": "Basic YTpi"}):
            assert (await client.post(URL, json=TEXT, headers=headers)).status_code == 200
            assert (await client.get("/metrics", headers=headers)).status_code == 200


async def test_once_there_is_a_key_it_is_asked_for(made):
    async with service() as client:
        assert (await client.post(URL, json=TEXT)).status_code == 200
        key = made("read")
        response = await client.post(URL, json=TEXT)
        assert_problem(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"] == 'Bearer realm="quotes"'
        for headers in (bearer(key), {"Authorization": f"bearer  {key}"}):
            assert (await client.post(URL, json=TEXT, headers=headers)).status_code == 200
        for path in ("/livez", "/readyz", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
        assert_problem(await client.get("/nowhere"), 401, "unauthenticated")  # nor is it told what there is


async def test_nothing_but_the_key_is_the_key(made):
    key, other = made("read"), made("read")
    name, id, secret = key.split("_", 2)
    wrong = [
        "",
        "x",
        key[:-1],
        key + "a",
        key.swapcase(),
        f"{name}_{id}_",
        f"{name}_{id}",
        f"{name}__{secret}",
        f"{name}_{id}_{other.split('_', 2)[2]}",
        f"{name}_%_{secret}",
        "é",
    ]
    async with service() as client:
        for token in wrong:
            response = await client.post(URL, json=TEXT, headers={"Authorization": f"Bearer {token}".encode()})
            assert_problem(response, 401, "unauthenticated")
            assert response.headers["www-authenticate"] == 'Bearer realm="quotes", error="invalid_token"'
            assert not token or token not in response.text
        response = await client.post(URL, json=TEXT, headers={"Authorization": f"Basic {key}"})
        assert_problem(response, 401, "unauthenticated")


async def test_a_revoked_key_is_refused_at_once_and_the_last_one_opens_nothing(made, capsys):
    key = made("write")
    id = key.split("_")[1]
    async with service() as client:
        assert (await client.post(URL, json=TEXT, headers=bearer(key))).status_code == 200
        assert main(["keys", "revoke", id]) == 0
        assert_problem(await client.post(URL, json=TEXT, headers=bearer(key)), 401, "unauthenticated")
        assert_problem(await client.post(URL, json=TEXT), 401, "unauthenticated")
    assert main(["keys", "revoke", id]) == 2
    assert "no key in force" in capsys.readouterr().err


async def test_scopes(made):
    """Read analyses, write stores, admin sees the figures; each may do what those before it may."""
    sent = {scope: bearer(made(scope)) for scope in keys.Scope}
    calls = {"read": ("POST", URL), "write": ("DELETE", "/v1/articles/none"), "admin": ("GET", "/metrics")}
    async with service() as client:
        for position, held in enumerate(keys.Scope):
            for needed_position, needed in enumerate(keys.Scope):
                method, path = calls[needed]
                response = await client.request(method, path, json=TEXT, headers=sent[held])
                if position >= needed_position:
                    assert response.status_code in (200, 404), (held, needed)
                else:
                    assert_problem(response, 403, "insufficient-scope")
                    assert f'error="insufficient_scope", scope="{needed}"' in response.headers["www-authenticate"]


def test_what_needs_which_scope():
    assert scope_needed("GET", "/livez") is None
    assert scope_needed("GET", "/metrics") == "admin"
    assert scope_needed("GET", "/v1/articles/1") == "read"
    assert scope_needed("POST", "/v1/stances") == "read"
    for method, path in (("PUT", "/v1/articles/1"), ("POST", "/v1/batches"), ("POST", "/v1/new"), ("BREW", "/v1/new")):
        assert scope_needed(method, path) == "write"  # what is not known to be harmless is not


async def test_keys_are_hashed_at_rest(made, database):
    key = made("admin")
    secret = key.split("_", 2)[2]
    assert re.fullmatch(r"quotes_[0-9a-f]{12}_[\w-]{43}", key)
    with closing(sqlite3.connect(database)) as connection:
        stored = "\n".join(connection.iterdump())
    assert key.split("_")[1] in stored
    assert secret not in stored


def test_keys_are_listed_without_their_secrets(made, capsys):
    key = made("write", "CMS\x1b[31m of\nthe desk")
    assert main(["keys", "list"]) == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if key.split("_")[1] in line]
    assert [cell.strip() for cell in row.strip("│").split("│")][1:3] == ["CMS[31m of the desk", "write"]
    assert row.rstrip("│ ").endswith("–")
    assert key.split("_", 2)[2] not in out
    main(["keys", "revoke", key.split("_")[1]])
    main(["keys", "list"])
    assert "–" not in capsys.readouterr().out


async def test_a_body_is_not_read_before_the_key_is_known(made):
    made("read")

    async def endless():
        while True:
            yield b" " * 100_000

    async with service() as client:
        assert_problem(await client.post(URL, content=endless()), 401, "unauthenticated")


# --- rate limits ---


@pytest.fixture
def two_a_minute(monkeypatch):
    monkeypatch.setenv("QUOTES_RATE_LIMIT", "2/minute")


async def test_there_is_no_limit_by_default():
    async with service() as client:
        assert "ratelimit" not in (await client.post(URL, json=TEXT)).headers


async def test_a_client_that_asks_too_often_is_told_when_to_come_back(two_a_minute):
    async with service() as client:
        for left in (1, 0):
            response = await client.post(URL, json={} if left else TEXT)  # a refused request counts too
            assert response.status_code == (422 if left else 200)
            assert response.headers["ratelimit-policy"] == '"default";q=2;w=60'
            assert re.fullmatch(rf'"default";r={left};t=(60|5\d)', response.headers["ratelimit"])
        response = await client.post(URL, json=TEXT)
        assert_problem(response, 429, "too-many-requests")
        assert response.headers["ratelimit-policy"] == '"default";q=2;w=60'
        seconds = response.headers["retry-after"]
        assert response.headers["ratelimit"] == f'"default";r=0;t={seconds}'
        assert 0 < int(seconds) <= 60
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await client.get(path)).status_code == 200
        assert_problem(await client.get("/nowhere"), 429, "too-many-requests")


async def test_the_quota_comes_back(monkeypatch):
    monkeypatch.setenv("QUOTES_RATE_LIMIT", "1/second")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    async with service() as client:
        assert (await client.post(URL, json=TEXT)).status_code == 200
        assert (await client.post(URL, json=TEXT)).status_code == 429
        now += 1.001
        assert (await client.post(URL, json=TEXT)).status_code == 200


async def test_each_key_and_each_address_has_its_own_quota(two_a_minute, made):
    first, second = bearer(made("read")), bearer(made("read"))
    async with service() as client:

        async def statuses(headers):
            return [(await client.post(URL, json=TEXT, headers=headers)).status_code for _ in range(3)]

        assert await statuses(first) == [200, 200, 429]
        assert await statuses(second) == [200, 200, 429]
        assert await statuses(bearer("guess")) == [401, 401, 429]  # guessing is limited too
        assert await statuses({}) == [429, 429, 429]  # that is the same address


@pytest.mark.parametrize("rate", ["fast", "0/minute", "1/second;5/minute", "5/fortnight", "-1/minute"])
def test_a_rate_that_makes_no_sense_is_named(monkeypatch, rate):
    monkeypatch.setenv("QUOTES_RATE_LIMIT", rate)
    with pytest.raises(InputError, match=f"QUOTES_RATE_LIMIT={rate}: "):
        settings_in_force()


# --- where it listens ---


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "quotes.example", ""])
def test_without_keys_other_machines_are_refused(host, capsys):
    assert main(["serve", "--host", host]) == 2
    assert "there are no API keys; make one (quotes keys create NAME)" in capsys.readouterr().err


@pytest.mark.parametrize("let_in", ["loopback", "key", "setting"])
def test_serving_where_that_is_safe_or_asked_for(let_in, made, database):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "QUOTES_HOST": "127.0.0.1" if let_in == "loopback" else "0.0.0.0",
    }
    if let_in == "key":
        made("read")
    elif let_in == "setting":
        environment["QUOTES_ALLOW_WITHOUT_KEYS"] = "true"
    command = [sys.executable, "-m", "quotes.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        port = next(found[1] for line in process.stderr if (found := re.search(r"running on \S+:(\d+)", line)))
        status = httpx.post(f"http://127.0.0.1:{port}{URL}", json=TEXT).status_code
        process.terminate()
        lines = [json.loads(line) for line in process.stderr]  # whatever is logged is JSON
    assert status == (401 if let_in == "key" else 503)
    assert status in [line.get("status") for line in lines]
    assert lines[-1]["event"].startswith("Finished server process")
