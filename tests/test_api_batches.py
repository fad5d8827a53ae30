"""POST /v1/batches, and what becomes of it."""

import json
import os
import signal
import time
from contextlib import contextmanager
from urllib.parse import quote

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from api import batch_schemas
from api.database import Database
from api.limits import MAX_BATCH_BYTES, MAX_BODY_BYTES
from api.tables import batches, items
from api.workers import Workers
from tests.receiver import SECRET, receiving
from tests.served import OBEDIENT, served
from tests.test_api import ANY_JSON, assert_problem, service
from tests.test_api_articles import FIRST, SECOND, THIRD, Held, Model
from tests.test_exports import HTML

pytestmark = pytest.mark.anyio

URL = "/v1/batches"


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def held():
    held = Held()
    yield held
    held.go.set()


async def post(client, *articles, **more):
    content = json.dumps({"articles": articles, **more}).encode()  # ASCII: lone surrogates too
    response = await client.post(URL, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 202, response.text
    batch = batch_schemas.Batch.model_validate_json(response.content)
    assert response.headers["location"] == f"{URL}/{batch.id}"
    return response.headers["location"]


async def got(client, url):
    response = await client.get(url)
    assert response.status_code == 200, response.text
    return batch_schemas.Batch.model_validate_json(response.content)


async def completed(client, url):
    """The batch with all its articles, once it is completed."""
    with anyio.fail_after(30):
        while (batch := await got(client, url)).state != "completed":
            await anyio.sleep(0.01)
    assert batch.completed < batch.expires
    assert batch.progress.waiting == 0
    return batch


def states(batch):
    return [item.state for item in batch.items]


# --- what is answered ---


async def test_every_article_gets_what_an_analysis_answers(model):
    articles = [FIRST, {"html": HTML, "title": "T", "url": "U", "id": "a/b"}, {**THIRD, "id": "3"}]
    async with service(lambda: model) as client:
        url = await post(client, *articles)
        await completed(client, url)
        batch = (await client.get(url)).json()
        assert batch["progress"] == {"total": 3, "waiting": 0, "succeeded": 3, "failed": 0}
        for position, (item, article) in enumerate(zip(batch["items"], articles, strict=True)):
            assert (item["position"], item["id"], item["state"]) == (position, article.get("id"), "succeeded")
            assert item["analysis"] == (await client.post("/v1/analyses", json=article)).json()
            assert item["problem"] is None
        assert batch["next"] is batch["webhook"] is None


async def test_an_article_with_an_identifier_is_stored_as_by_put(model):
    async with service(lambda: model) as client:
        batch = await completed(client, await post(client, {**FIRST, "id": "a/b"}, SECOND))
        url = "/v1/articles/" + quote("a/b", safe="")
        assert (await client.get(url)).json() == batch.items[0].analysis.model_dump(mode="json")
        assert (await client.put(url, json=FIRST)).headers["quotes-analysis"] == "kept"
        again = await completed(client, await post(client, {**FIRST, "id": "a/b"}))
        assert again.items[0].analysis == batch.items[0].analysis
    assert model.times(FIRST) == 1


async def test_an_article_that_cannot_be_used_fails_alone(model, monkeypatch):
    monkeypatch.setenv("QUOTES_MAX_CHARACTERS", "1000")
    wrong = [
        ({"text": "a", "html": "b", "id": "both"}, 422, "invalid-request", ["#/articles/0"]),
        (
            {"text": 1, "title": [], "a/b": 1},
            422,
            "invalid-request",
            [f"#/articles/1/{n}" for n in ("text", "title", "a~1b")],
        ),
        (None, 422, "invalid-request", ["#/articles/2"]),
        ("text", 422, "invalid-request", ["#/articles/3"]),
        ({"text": "a", "id": "x" * 257}, 422, "invalid-request", ["#/articles/4/id"]),
        ({"text": "a", "id": ".."}, 422, "invalid-request", ["#/articles/5/id"]),
        ({"text": "\ud800"}, 422, "invalid-request", ["#/articles/6/text"]),
        ({"text": " ", "id": "empty"}, 422, "empty-article", ["#/articles/7/text"]),
        ({"html": "<p>"}, 422, "empty-article", ["#/articles/8/html"]),
        ({"text": "x" * 1001}, 413, "article-too-long", ["#/articles/9/text"]),
        ({"ninjs": {"uri": "urn:1"}}, 422, "empty-article", ["#/articles/10/ninjs"]),
    ]
    async with service(lambda: model) as client:
        url = await post(client, *(article for article, *_ in wrong), FIRST)
        batch = await completed(client, url)
        assert states(batch) == ["failed"] * len(wrong) + ["succeeded"]
        assert (batch.progress.failed, batch.progress.succeeded) == (len(wrong), 1)
        assert [item.id for item in batch.items if item.id] == ["both", "empty"]
        for item, (_, status, slug, pointers) in zip(batch.items, wrong, strict=False):
            assert item.problem.type.endswith(f":{slug}")
            assert (item.problem.status, item.problem.instance) == (status, url)
            assert [error.pointer for error in item.problem.errors] == pointers
            assert item.problem.detail
            assert item.analysis is None
        assert_problem(await client.get("/v1/articles/empty"), 404, "not-found")


async def test_a_failure_inside_fails_one_article(caplog):
    class Broken(Model):
        def analyse(self, article):
            if "Second" in article.text:
                raise RuntimeError("secret")
            return super().analyse(article)

    async with service(Broken) as client:
        batch = await completed(client, await post(client, FIRST, SECOND, THIRD))
        assert states(batch) == ["succeeded", "failed", "succeeded"]
        problem = batch.items[1].problem
        assert problem.type.endswith(":internal-error")
        assert "secret" not in problem.model_dump_json()
    assert "secret" in caplog.text


async def test_what_is_done_is_there_while_the_rest_waits(held):
    held.hold = "Second."
    async with service(lambda: held) as client:
        url = await post(client, FIRST, {**SECOND, "id": "2"}, THIRD)
        await anyio.to_thread.run_sync(held.began.wait, 30)
        batch = await got(client, url)
        assert (batch.state, batch.completed, batch.expires) == ("running", None, None)
        assert states(batch) == ["succeeded", "waiting", "waiting"]
        assert [item.id for item in batch.items] == [None, "2", None]
        assert batch.progress.waiting == 2
        held.go.set()
        assert states(await completed(client, url)) == ["succeeded"] * 3


async def test_pages(model):
    async with service(lambda: model) as client:
        url = await post(client, *({"text": f"{number}"} for number in range(7)))
        assert (await got(client, f"{url}?limit=0")).items == []
        await completed(client, url)
        whole, pages, more = await got(client, url), [], f"{url}?limit=3"
        while more:
            page = await got(client, more)
            pages.append(page.items)
            more = page.next
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [item for page in pages for item in page] == whole.items
        assert (await got(client, f"{url}?limit=0")).next == f"{url}?offset=0&limit=100"
        assert (await got(client, f"{url}?offset=7")).items == []
        for wrong in ("limit=-1", "limit=1001", "offset=-1", "offset=x", f"offset={2**63}"):
            problem = assert_problem(await client.get(f"{url}?{wrong}"), 422, "invalid-request")
            assert f"query parameter {wrong.partition('=')[0]}: " in problem.detail


async def test_what_is_refused_as_a_whole(model, monkeypatch):
    monkeypatch.setenv("QUOTES_MAX_BATCH", "2")
    async with service(lambda: model) as client:
        too_many = await client.post(URL, json={"articles": [FIRST] * 3})
        assert_problem(too_many, 413, "too-many-articles", ["#/articles"])
        for body, pointers in (
            ({"articles": []}, ["#/articles"]),
            ({"articles": FIRST}, ["#/articles"]),
            ({}, ["#/articles"]),
            ({"articles": [FIRST], "webhook_url": "ftp://news.example/"}, ["#/webhook_url"]),
            ({"articles": [FIRST], "callback": "x"}, ["#/callback"]),
        ):
            assert_problem(await client.post(URL, json=body), 422, "invalid-request", pointers)
        hook = {"articles": [FIRST], "webhook_url": "https://news.example/"}
        assert_problem(await client.post(URL, json=hook), 409, "webhooks-off", ["#/webhook_url"])
        for response in (await client.get(URL + "/none"), await client.delete(URL + "/none")):
            assert_problem(response, 404, "not-found")


async def test_a_batch_may_be_larger_than_an_article(model):
    article = {"text": "a" * (MAX_BODY_BYTES // 2)}
    async with service(lambda: model) as client:
        await completed(client, await post(client, *[article] * 3))
        content = b'{"articles": ["' + b"a" * MAX_BATCH_BYTES + b'"]}'
        response = await client.post(URL, content=content, headers={"Content-Type": "application/json"})
        assert_problem(response, 413, "body-too-large")


async def test_sent_again_with_its_key_it_is_the_same_batch(model):
    async with service(lambda: model) as client:
        answers = [
            await client.post(URL, json={"articles": [FIRST]}, headers={"Idempotency-Key": "k"}) for _ in range(2)
        ]
        assert answers[0].content == answers[1].content
        assert answers[0].headers["location"] == answers[1].headers["location"]
        await completed(client, answers[0].headers["location"])
    assert model.times(FIRST) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(ANY_JSON, min_size=1, max_size=5))
async def test_no_article_makes_a_batch_fail(model, articles):
    content = json.dumps({"articles": articles}).encode()
    async with service(lambda: model) as client:
        response = await client.post(URL, content=content, headers={"Content-Type": "application/json"})
        if response.status_code != 400:  # NaN, and numbers that are too long
            batch = await completed(client, response.headers["location"])
            assert batch.progress.total == len(articles)


# --- what happens meanwhile ---


async def test_a_deleted_batch_is_not_analysed_any_further(held):
    held.hold = "First."
    async with service(lambda: held) as client:
        url = await post(client, {**FIRST, "id": "1"}, {**SECOND, "id": "2"})
        await anyio.to_thread.run_sync(held.began.wait, 30)
        assert (await client.delete(url)).status_code == 204
        assert_problem(await client.get(url), 404, "not-found")
        held.go.set()
        await completed(client, await post(client, THIRD))
        for id in ("1", "2"):
            assert_problem(await client.get(f"/v1/articles/{id}"), 404, "not-found")
    assert held.times(SECOND) == 0


async def test_an_article_that_was_saved_after_the_batch_came_stays_as_it_was_saved(held, monkeypatch):
    monkeypatch.setenv("QUOTES_WORKERS", "2")
    held.hold = "First."
    async with service(lambda: held) as client:
        url = await post(client, {**FIRST, "id": "1"}, {**FIRST, "id": "2"})
        await anyio.to_thread.run_sync(held.began.wait, 30)
        saved = await client.put("/v1/articles/1", json=SECOND)
        assert saved.status_code == 201
        assert_problem(await client.delete("/v1/articles/2"), 404, "not-found")
        held.go.set()
        assert states(await completed(client, url)) == ["succeeded"] * 2
        assert (await client.get("/v1/articles/1")).content == saved.content
        assert len((await client.get("/v1/articles/1/versions")).json()["versions"]) == 2
        assert_problem(await client.get("/v1/articles/2"), 404, "not-found")


async def test_a_version_that_is_deleted_while_the_batch_relies_on_it_is_analysed_again(model, monkeypatch):
    async with service(lambda: model) as client:
        await client.put("/v1/articles/1", json=FIRST)
        run = Workers.run

        async def deleting(self, job, backlog=False):
            outcome = await run(self, job, backlog)
            if backlog:
                monkeypatch.setattr(Workers, "run", run)
                assert (await client.delete("/v1/articles/1")).status_code == 204
            return outcome

        monkeypatch.setattr(Workers, "run", deleting)
        batch = await completed(client, await post(client, {**FIRST, "id": "1"}))
        assert states(batch) == ["succeeded"]
        assert_problem(await client.get("/v1/articles/1"), 404, "not-found")
    assert model.times(FIRST) == 2


async def test_a_batch_goes_on_after_a_restart(held):
    held.hold = "Second."
    async with service(lambda: held) as client:
        url = await post(client, FIRST, SECOND, THIRD)
        await anyio.to_thread.run_sync(held.began.wait, 30)
    held.go.set()
    held.hold = None
    async with service(lambda: held) as client:
        assert states(await completed(client, url)) == ["succeeded"] * 3
    assert held.times(FIRST) == held.times(THIRD) == 1


async def test_a_database_that_is_busy_for_a_while_holds_nothing_up_for_good(model, database, monkeypatch):
    monkeypatch.setattr("api.database.BUSY_SECONDS", 0)
    monkeypatch.setattr("api.runner.PAUSE", 0.05)
    async with service(lambda: model) as client:
        url = await post(client, *[FIRST] * 20)
        other = Database(database)
        for _ in range(5):
            try:
                with other.writing():
                    await anyio.sleep(0.1)
            except Exception:
                await anyio.sleep(0.01)
        other.close()
        assert states(await completed(client, url)) == ["succeeded"] * 20


async def test_completed_batches_expire(model, database):
    async with service(lambda: model) as client:
        urls = [await post(client, FIRST) for _ in range(2)]
        for url in urls:
            await completed(client, url)
    opened = Database(database)
    with opened.writing() as connection:
        old = time.time_ns() - 31 * 86_400 * 10**9
        connection.execute(update(batches).where(batches.c.id == urls[0].rpartition("/")[2]).values(finished=old))
    async with service(lambda: model) as client:
        with anyio.fail_after(30):
            while (await client.get(urls[0])).status_code != 404:
                await anyio.sleep(0.01)
        assert (await client.get(urls[1])).status_code == 200
    with opened.reading() as connection:
        assert len(connection.execute(select(items)).all()) == 1
    opened.close()


async def test_its_completion_is_told_to_its_webhook(model, monkeypatch):
    monkeypatch.setenv("QUOTES_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("QUOTES_WEBHOOK_NETWORKS", "127.0.0.0/8")
    with receiving() as receiver:
        hook = f"http://127.0.0.1:{receiver.port}/hook"
        async with service(lambda: model) as client:
            for articles, counts in (([FIRST, None], (2, 1, 1)), ([None], (1, 0, 1))):
                receiver.requests.clear()
                url = await post(client, *articles, webhook_url=hook)
                await anyio.to_thread.run_sync(receiver.wait_for, 1)
                event = batch_schemas.BatchCompleted.model_validate_json(receiver.requests[0][1])
                assert event.data.url == url
                assert (event.data.total, event.data.succeeded, event.data.failed) == counts
                with anyio.fail_after(30):
                    while (await got(client, url)).webhook.state != "delivered":
                        await anyio.sleep(0.01)
    assert len(receiver.requests) == 1


# --- processes that end ---


@contextmanager
def obedient(database):
    """A service without models that does what articles say."""
    with served(OBEDIENT, QUOTES_DATABASE=str(database), QUOTES_WORKERS="2") as service:
        service.wait_until_ready()
        with httpx.Client(base_url=service.url, timeout=60) as client:
            yield service, client


def sent(client, *texts):
    articles = [{"text": text, "id": f"{number}"} for number, text in enumerate(texts)]
    response = client.post(URL, json={"articles": articles})
    assert response.status_code == 202
    return response.headers["location"]


def batch_when(client, url, condition):
    for _ in range(3000):
        batch = batch_schemas.Batch.model_validate_json(client.get(url).content)
        if condition(batch):
            return batch
        time.sleep(0.01)
    raise TimeoutError(batch)


def test_an_article_that_ends_its_worker_every_time_fails_and_the_others_go_on(database):
    with obedient(database) as (_, client):
        batch = batch_when(client, sent(client, "before", "die", "after"), lambda b: b.state == "completed")
    assert states(batch) == ["succeeded", "failed", "succeeded"]
    assert batch.items[1].problem.type.endswith(":worker-lost")


def test_a_worker_that_is_killed_costs_nothing(database, tmp_path):
    with obedient(database) as (_, client):
        url = sent(client, f"hold {tmp_path / 'held'}")
        runs = tmp_path / "held.runs"
        for _ in range(3000):
            if runs.exists() and runs.read_text():
                break
            time.sleep(0.01)
        worker = int(runs.read_text())
        runs.unlink()
        (tmp_path / "held.go").touch()
        os.kill(worker, signal.SIGKILL)
        assert states(batch_when(client, url, lambda b: b.state == "completed")) == ["succeeded"]


def test_the_service_is_killed_in_the_middle_of_a_batch(database, tmp_path):
    """Nothing that was stored is lost, and the batch goes on."""
    texts = ["one", "two", f"hold {tmp_path / 'held'}", *(f"article {number}" for number in range(30))]
    with obedient(database) as (service, client):
        url = sent(client, *texts)
        before = batch_when(client, url, lambda b: b.progress.succeeded == 2)
        saved = client.put("/v1/articles/2", json={"text": "saved after the batch came"})
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
    (tmp_path / "held.runs").unlink(missing_ok=True)
    (tmp_path / "held.go").touch()
    with obedient(database) as (service, client):
        batch = batch_when(client, url, lambda b: b.state == "completed")
        assert batch.progress == batch_schemas.BatchProgress(
            total=len(texts), waiting=0, succeeded=len(texts), failed=0
        )
        assert batch.items[:2] == before.items[:2]
        assert batch.created == before.created
        for number in range(len(texts)):
            versions = client.get(f"/v1/articles/{number}/versions").json()["versions"]
            assert len(versions) == (2 if number == 2 else 1)
        assert client.get("/v1/articles/2").content == saved.content
