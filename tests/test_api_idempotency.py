"""A POST with an Idempotency-Key that is sent again gets the same answer, and nothing is done again."""

import json
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from api import schemas
from api.database import Database
from api.tables import batches, idempotent_answers
from quotes.document import Analysis
from quotes.reading import from_text
from tests.served import OBEDIENT, served
from tests.test_api import URL, Canned, Quick, assert_problem, service
from tests.test_exports import TEXT

pytestmark = pytest.mark.anyio

EVALUATION = {"rows": [{"quote": "No truce.", "label": "none", "prediction": "none"}]}


class Counting(Canned):
    """Remembers the identifiers of the articles that it has analysed."""

    seen: list[str]

    def __init__(self):
        self.seen = []

    def analyse(self, article):
        if article.id is not None:
            self.seen.append(article.id)
        return super().analyse(article)


@pytest.fixture
def counting():
    return Counting()


async def post(client, key, body, url=URL, **headers):
    return await client.post(url, json=body, headers={"Idempotency-Key": key, **headers})


async def test_the_same_request_gets_the_same_answer_and_is_not_done_again(counting):
    async with service(lambda: counting) as client:
        first = await post(client, "k-1", {"text": TEXT, "id": "a"})
        again = await post(client, "k-1", {"text": TEXT, "id": "a"})
        other = await post(client, "k-2", {"text": TEXT, "id": "a"})
    assert first.status_code == again.status_code == other.status_code == 200
    assert first.content == again.content
    assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert again.headers["content-length"] == first.headers["content-length"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert "idempotent-replayed" not in other.headers
    assert counting.seen == ["a", "a"]


async def test_without_a_key_everything_is_done_again(counting):
    async with service(lambda: counting) as client:
        for _ in range(2):
            assert (await client.post(URL, json={"text": "x", "id": "a"})).status_code == 200
    assert counting.seen == ["a", "a"]


async def test_evaluations_too():
    async with service() as client:
        first = await post(client, "k", EVALUATION, "/v1/evaluations")
        again = await post(client, "k", EVALUATION, "/v1/evaluations")
    assert first.status_code == 200
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("url", "body", "headers"),
    [
        (URL, {"text": "y"}, {}),
        (URL + "?x=1", {"text": "x"}, {}),
        (URL, {"text": "x"}, {"Accept": "text/csv"}),
        ("/v1/evaluations", {"text": "x"}, {}),
    ],
)
async def test_a_key_belongs_to_one_request(url, body, headers, counting):
    async with service(lambda: counting) as client:
        assert (await post(client, "k", {"text": "x"})).status_code == 200
        assert_problem(await post(client, "k", body, url, **headers), 422, "idempotency-key-reused")
        assert (await post(client, "k", {"text": "x"})).headers["idempotent-replayed"] == "true"


async def test_answers_survive_the_service(counting):
    async with service(lambda: counting) as client:
        first = await post(client, "k", {"text": TEXT, "id": "a"})
    async with service(lambda: counting) as client:
        again = await post(client, "k", {"text": TEXT, "id": "a"})
        assert_problem(await post(client, "k", {"text": "y"}), 422, "idempotency-key-reused")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == first.content
    assert counting.seen == ["a"]


async def test_a_large_answer_comes_back_whole(database):
    text = TEXT * 500
    assert len(Canned().analyse(from_text(TEXT)).quotations) > 0

    class Many(Quick):
        def analyse(self, article):
            found = Canned().analyse(from_text(TEXT)).quotations
            return Analysis(article, found * 500 if "Iron Lady" in article.text else ())

    async with service(Many) as client:
        first = await post(client, "k", {"text": text})
        again = await post(client, "k", {"text": text})
    assert len(first.content) > 500_000
    assert again.content == first.content
    (stored,) = rows(database)
    assert zlib.decompress(stored.body) == first.content
    assert len(stored.body) < len(first.content) / 5


async def test_whoever_has_the_answer_can_have_it_again_at_once(counting):
    """Even if the rest of the service has not yet noticed that it was sent."""
    body = json.dumps({"text": "x", "id": "a"}).encode()
    headers = {"Content-Type": "application/json", "Accept": "*/*", "Idempotency-Key": "k"}
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    again = []
    async with service(lambda: counting) as client:

        async def send(message):
            if message["type"] == "http.response.body":
                again.append(await client.post(URL, content=body, headers=headers))

        async def receive():
            return messages.pop() if messages else await anyio.sleep_forever()

        scope = {
            "type": "http",
            "method": "POST",
            "path": URL,
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await client._transport.app(scope, receive, send)
    assert [one.status_code for one in again] == [200]
    assert counting.seen == ["a"]


# --- while the first request is being answered ---


class Slow(Counting):
    """Analyses what is slow once it is released."""

    def __init__(self):
        super().__init__()
        self.release = threading.Event()

    def analyse(self, article):
        assert "slow" not in article.text or self.release.wait(30)
        return super().analyse(article)


async def test_the_same_request_is_refused_while_the_first_is_in_flight():
    slow = Slow()
    async with service(lambda: slow) as client, anyio.create_task_group() as tasks:
        finished = []

        async def first():
            finished.append(await post(client, "k", {"text": "slow", "id": "a"}))

        tasks.start_soon(first)
        await anyio.sleep(0.05)
        refused = await post(client, "k", {"text": "slow", "id": "a"})
        assert_problem(refused, 409, "idempotency-key-in-use")
        assert refused.headers["retry-after"]
        assert_problem(await post(client, "k", {"text": "other"}), 422, "idempotency-key-reused")
        slow.release.set()
        with anyio.fail_after(30):
            while not finished:
                await anyio.sleep(0.01)
        again = await post(client, "k", {"text": "slow", "id": "a"})
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == finished[0].content
    assert slow.seen == ["a"]


async def test_of_many_at_once_one_is_done(counting):
    async with service(lambda: counting) as client, anyio.create_task_group() as tasks:
        statuses = []

        async def ask():
            statuses.append((await post(client, "k", {"text": "x", "id": "a"})).status_code)

        for _ in range(20):
            tasks.start_soon(ask)
        with anyio.fail_after(30):
            while len(statuses) < 20:
                await anyio.sleep(0.01)
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    assert counting.seen == ["a"]


async def test_a_client_that_goes_away_lets_its_key_go(database):
    slow = Slow()
    async with service(lambda: slow) as client:
        with anyio.move_on_after(0.2):
            await post(client, "k", {"text": "slow"})
        slow.release.set()
        assert rows(database) == []
        again = await post(client, "k", {"text": "slow"})
    assert again.status_code == 200
    assert "idempotent-replayed" not in again.headers


@pytest.mark.slow
def test_a_service_that_is_killed_leaves_no_key_in_use(database, tmp_path):
    held = tmp_path / "held"
    request = {"url": URL, "json": {"text": f"hold {held}"}, "headers": {"Idempotency-Key": "k"}, "timeout": 60}
    setting = {"QUOTES_DATABASE": str(database), "QUOTES_WORKERS": "1"}
    with (
        served(OBEDIENT, **setting) as first,
        httpx.Client(base_url=first.url) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        first.wait_until_ready()
        lost = thread.submit(client.post, **request)
        for _ in range(3000):
            if (tmp_path / "held.runs").exists():
                break
            time.sleep(0.01)
        assert_problem(client.post(**request), 409, "idempotency-key-in-use")
        first.process.kill()
        first.process.wait()
        assert isinstance(lost.exception(60), httpx.RemoteProtocolError)
    (tmp_path / "held.runs").unlink()
    (tmp_path / "held.go").touch()
    with served(OBEDIENT, **setting) as second, httpx.Client(base_url=second.url) as client:
        second.wait_until_ready()
        answered = client.post(**request)
        assert answered.status_code == 200
        assert client.post(**request).headers["idempotent-replayed"] == "true"


async def test_a_batch_and_its_answer_are_stored_together_or_neither(database, monkeypatch):
    body = {"articles": [{"text": "a"}]}
    async with service() as client:
        with monkeypatch.context() as broken:

            def fail(*args):
                raise RuntimeError

            broken.setattr("api.idempotency.Claim.store", fail)
            assert_problem(await post(client, "k", body, "/v1/batches"), 500, "internal-error")
        assert (rows(database), rows(database, batches)) == ([], [])
        first = await post(client, "k", body, "/v1/batches")
        again = await post(client, "k", body, "/v1/batches")
    assert first.status_code == 202
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert len(rows(database, batches)) == 1


# --- which answers are stored ---


async def test_a_refusal_that_would_come_again_is_stored(counting):
    async with service(lambda: counting) as client:
        first = await post(client, "k", {"text": " "})
        again = await post(client, "k", {"text": " "})
        assert_problem(first, 422, "empty-article", ["#/text"])
        assert_problem(again, 422, "empty-article", ["#/text"])
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["content-type"] == "application/problem+json"


async def test_a_failure_of_the_service_is_not_stored():
    class Recovering(Quick):
        failed = False

        def analyse(self, article):
            if article.id and not self.failed:
                self.failed = True
                raise RuntimeError
            return super().analyse(article)

    async with service(Recovering) as client:
        assert_problem(await post(client, "k", {"text": "x", "id": "a"}), 500, "internal-error")
        again = await post(client, "k", {"text": "x", "id": "a"})
    assert again.status_code == 200
    assert "idempotent-replayed" not in again.headers


async def test_not_ready_is_not_stored():
    loaded = threading.Event()

    def load():
        assert loaded.wait(30)
        return Quick()

    async with service(load, ready=False) as client:
        assert_problem(await post(client, "k", {"text": "x"}), 503, "not-ready")
        loaded.set()
        with anyio.fail_after(30):
            while (again := await post(client, "k", {"text": "x"})).status_code == 503:
                await anyio.sleep(0.01)
    assert again.status_code == 200


async def test_answers_expire(counting, monkeypatch, database):
    now = 1_000_000 * 10**9
    monkeypatch.setattr("api.idempotency.time.time_ns", lambda: now)
    monkeypatch.setenv("QUOTES_IDEMPOTENCY_HOURS", "2")
    async with service(lambda: counting) as client:
        await post(client, "k", {"text": "x", "id": "a"})
        now += 2 * 3600 * 10**9 - 1
        assert (await post(client, "k", {"text": "x", "id": "a"})).headers["idempotent-replayed"] == "true"
        now += 1
        assert "idempotent-replayed" not in (await post(client, "k", {"text": "y", "id": "b"})).headers
        now += 2 * 3600 * 10**9
        await post(client, "l", {"text": "z"})
    assert counting.seen == ["a", "b"]
    assert [row.key for row in rows(database)] == ["l"]


async def test_an_answer_that_cannot_be_stored_still_arrives(counting, monkeypatch, caplog):
    monkeypatch.setattr("api.database.BUSY_SECONDS", 0.1)
    async with service(lambda: counting) as client:
        other = Database(client._transport.app.state.settings.database)
        with other.writing():
            assert (await post(client, "k", {"text": "x", "id": "a"})).status_code == 200
        other.close()
        assert "could not be stored" in caplog.text
        assert (await post(client, "k", {"text": "x", "id": "a"})).status_code == 200
    assert counting.seen == ["a", "a"]


# --- keys ---


@pytest.mark.parametrize(
    "key", ["x", "8e03978e-40d5-43dd-bc93-6894a57f9324", "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "k" * 255]
)
async def test_keys(key, counting):
    async with service(lambda: counting) as client:
        for sent in (key, '"' + key.replace("\\", "\\\\") + '"', f"  {key} "):
            assert (await post(client, sent, {"text": "x", "id": "a"})).status_code == 200
    assert counting.seen == ["a"]


@pytest.mark.parametrize(
    "key", ["", " ", '""', "k" * 256, '"' + "k" * 256 + '"', "a b", '"a', 'a"', '"a"b', "é", '"a";x=1', r'"\a"']
)
async def test_bad_keys_are_refused_and_nothing_is_done(key, counting):
    async with service(lambda: counting) as client:
        response = await client.post(URL, json={"text": "x", "id": "a"}, headers={"Idempotency-Key": key.encode()})
        assert_problem(response, 400, "bad-idempotency-key")
    assert counting.seen == []


async def test_two_keys_are_refused():
    async with service() as client:
        headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        assert_problem(await client.post(URL, json={"text": "x"}, headers=headers), 400, "bad-idempotency-key")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.binary(max_size=300).filter(lambda key: not set(key) & set(b"\0\r\n")))
async def test_no_key_makes_the_service_fail(key):
    async with service() as client:
        response = await client.post(URL, json={"text": "x"}, headers={"Idempotency-Key": key})
    if response.status_code != 200:
        assert response.status_code == 400
        schemas.Problem.model_validate_json(response.content)


async def test_every_post_takes_a_key():
    async with service() as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            headers = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
            assert ("Idempotency-Key" in headers) == (method == "post"), path
            assert ("409" in operation["responses"]) >= (method == "post"), path
            replayed = {
                status for status, one in operation["responses"].items() if "Idempotent-Replayed" in one["headers"]
            }
            assert {one[0] for one in replayed} == ({"2", "4"} if method == "post" else set()), path


def rows(path, table=idempotent_answers):
    opened = Database(path)
    with opened.reading() as connection:
        found = connection.execute(select(table)).all()
    opened.close()
    return found
