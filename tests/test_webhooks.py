"""The end of a batch reaches its webhook, whatever happens on the way."""

import json
import socket
import threading
import time
from contextlib import asynccontextmanager
from datetime import datetime
from ipaddress import ip_network

import anyio
import httpx
import pytest
from sqlalchemy import insert, update
from standardwebhooks import Webhook

from api import batch_schemas
from api.app import create_app
from api.database import Database
from api.errors import Problem
from api.tables import batches, deliveries, items
from api.webhooks import deliverer as deliverer_module
from api.webhooks.addresses import Reach
from api.webhooks.deliverer import DELAYS, Deliverer
from api.webhooks.documentation import EXAMPLE
from api.webhooks.queue import delivery_of
from tests.receiver import SECRET, receiving
from tests.served import OBEDIENT, served

pytestmark = pytest.mark.anyio

HERE = Reach((ip_network("127.0.0.0/8"),))
AT_ONCE = (0, 0, 0)  # three tries more, without a pause
NEVER = (3600,)


@asynccontextmanager
async def delivering(path, delays=AT_ONCE, reach=HERE, secret=SECRET):
    """A deliverer at work, and its database."""
    database = Database(path)
    deliverer = Deliverer(database, secret, reach, delays)
    try:
        async with deliverer.running():
            yield deliverer, database
    finally:
        database.close()


async def complete(deliverer, database, url, batch="b-1", told=True):
    """A batch of three articles, one of which could not be analysed, is completed."""

    def store(connection):
        finished = int(datetime.fromisoformat(EXAMPLE["timestamp"]).timestamp()) * 10**9
        row = {"id": batch, "request_id": "r", "created": 1, "finished": finished, "webhook_url": url}
        connection.execute(insert(batches).values(row))
        for position, problem in enumerate((None, '{"status": 422}', None)):
            values = {"batch": batch, "position": position, "stored": 0, "received": 1, "problem": problem}
            connection.execute(insert(items).values(values))

    await database.write(store)
    if told:
        await deliverer.on_batch_completed(batch)


async def state(database, batch="b-1"):
    return await database.read(lambda connection: delivery_of(batch, connection))


async def reached(database, *states, batch="b-1"):
    """The delivery once it is in one of these states."""
    with anyio.fail_after(30):
        while (found := await state(database, batch)) is None or found.state not in states:
            await anyio.sleep(0.01)
    return found


# --- the message ---


async def test_the_end_of_a_batch_is_told(database):
    with receiving() as receiver:
        async with delivering(database) as (deliverer, opened):
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/hook")
            delivery = await reached(opened, "delivered")
    ((headers, body),) = receiver.requests
    event = Webhook(SECRET).verify(body, headers)
    assert event == {**EXAMPLE, "data": {**EXAMPLE["data"], "id": "b-1", "url": "/v1/batches/b-1"}}
    assert (delivery.attempts, delivery.last_status, delivery.last_error) == (1, 204, None)
    assert delivery.id == headers["webhook-id"]
    assert delivery.last_attempt is not None
    assert delivery.next_attempt is None


async def test_it_is_told_once_however_often_the_end_is_announced(database):
    with receiving() as receiver:
        async with delivering(database) as (deliverer, opened):
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/")
            await reached(opened, "delivered")
            await deliverer.on_batch_completed("b-1")
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/", batch="b-2")
            await reached(opened, "delivered", batch="b-2")
    told = [json.loads(body)["data"]["id"] for _, body in receiver.requests]
    assert told == ["b-1", "b-2"]


async def test_a_batch_without_a_webhook_tells_nobody(database):
    async with delivering(database) as (deliverer, opened):
        await complete(deliverer, opened, None)
        await deliverer.on_batch_completed("no such batch")
        assert await state(opened) is None


# --- failures ---


@pytest.mark.parametrize("status", [500, 302, 404, 429])
async def test_it_is_told_again_until_it_is_heard(status, database):
    with receiving(status, status, 200) as receiver:
        async with delivering(database) as (deliverer, opened):
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/")
            delivery = await reached(opened, "delivered")
    assert (delivery.attempts, delivery.last_status) == (3, 200)
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert len({body for _, body in receiver.requests}) == 1
    for headers, body in receiver.requests:
        Webhook(SECRET).verify(body, headers)


async def test_it_is_given_up_in_the_end(database):
    with receiving(500) as receiver:
        async with delivering(database) as (deliverer, opened):
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/")
            delivery = await reached(opened, "failed")
    assert len(receiver.requests) == len(AT_ONCE) + 1
    assert (delivery.attempts, delivery.last_status, delivery.next_attempt) == (len(AT_ONCE) + 1, 500, None)


async def test_a_receiver_that_is_not_there_is_tried_again(database):
    with receiving() as gone:
        pass
    async with delivering(database, (0.05,) * 100) as (deliverer, opened):
        await complete(deliverer, opened, f"http://127.0.0.1:{gone.port}/")
        delivery = await reached(opened, "failing")
        assert delivery.last_status is None
        assert delivery.last_error.startswith("no answer")
        with receiving(port=gone.port):
            delivery = await reached(opened, "delivered")
    assert delivery.last_error is None


async def test_gone_ends_it_for_all_batches_that_wait_with_the_same_webhook(database):
    with receiving(500, 500, 410) as receiver, receiving(500) as other:
        url = f"http://127.0.0.1:{receiver.port}/"
        async with delivering(database, NEVER) as (deliverer, opened):
            for batch in ("b-1", "b-2"):
                await complete(deliverer, opened, url, batch)
            await complete(deliverer, opened, f"http://127.0.0.1:{other.port}/", "b-other")
            for batch in ("b-1", "b-2", "b-other"):
                await reached(opened, "failing", batch=batch)
            await complete(deliverer, opened, url, "b-3")
            gone = await reached(opened, "disabled", batch="b-3")
            assert (gone.last_status, gone.attempts, gone.next_attempt) == (410, 1, None)
            for batch in ("b-1", "b-2"):
                stopped = await state(opened, batch)
                assert (stopped.state, stopped.last_status, stopped.next_attempt) == ("disabled", 500, None)
            assert (await state(opened, "b-other")).state == "failing"
    assert len(receiver.requests) == 3


async def test_the_times_of_the_tries(database):
    """Each delay is the listed one, give or take a fifth."""
    assert list(DELAYS) == sorted(DELAYS)
    with receiving(500) as receiver:
        async with delivering(database, DELAYS) as (deliverer, opened):
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/")
            for attempt, delay in enumerate(DELAYS, 1):
                with anyio.fail_after(30):
                    while (delivery := await state(opened)).attempts < attempt:
                        await anyio.sleep(0.01)
                waits = (delivery.next_attempt - delivery.last_attempt).total_seconds()
                assert 0.79 * delay < waits < 1.21 * delay
                await opened.write(lambda connection: connection.execute(update(deliveries).values(due=1)))
                deliverer._woken.set()
            assert (await reached(opened, "failed")).attempts == len(DELAYS) + 1


async def test_many_at_once_all_arrive(database):
    with receiving() as receiver:
        async with delivering(database) as (deliverer, opened):
            for number in range(25):
                await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/", f"b-{number}", told=False)
            async with anyio.create_task_group() as tasks:
                for number in range(25):
                    tasks.start_soon(deliverer.on_batch_completed, f"b-{number}")
            for number in range(25):
                await reached(opened, "delivered", batch=f"b-{number}")
    assert len(receiver.requests) == 25


async def test_what_is_refused_is_not_sent_and_said(database):
    with receiving() as receiver:
        async with delivering(database, NEVER, Reach()) as (deliverer, opened):
            await complete(deliverer, opened, f"https://localhost:{receiver.port}/")
            delivery = await reached(opened, "failing")
    assert receiver.requests == []
    assert "not at a public address" in delivery.last_error


async def test_a_message_that_cannot_be_sent_is_given_up_too(database, monkeypatch, caplog):
    async def fail(*args):
        raise RuntimeError

    monkeypatch.setattr("api.webhooks.sending.Sender.send", fail)
    async with delivering(database) as (deliverer, opened):
        await complete(deliverer, opened, "https://cms.invalid/")
        delivery = await reached(opened, "failed")
    assert delivery.attempts == len(AT_ONCE) + 1
    assert "unexpected error" in delivery.last_error
    assert "RuntimeError" in caplog.text


# --- restarts ---


async def test_a_restart_amid_the_tries_goes_on_with_them(database):
    with receiving(500, 500, 204) as receiver:
        async with delivering(database, NEVER) as (deliverer, opened):
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/")
            before = await reached(opened, "failing")
        async with delivering(database, NEVER) as (_, opened):  # not yet due
            await anyio.sleep(0.1)
            assert await state(opened) == before
            await opened.write(lambda connection: connection.execute(update(deliveries).values(due=1)))
        async with delivering(database, (0, 0)) as (_, opened):
            after = await reached(opened, "delivered")
    assert len(receiver.requests) == 3
    assert (after.id, after.attempts) == (before.id, 3)
    assert len({(headers["webhook-id"], body) for headers, body in receiver.requests}) == 1


@pytest.mark.slow
def test_a_service_that_is_killed_amid_the_tries_goes_on_with_them(database):
    with receiving(500, 204) as receiver:
        setting = {"QUOTES_DATABASE": str(database), "QUOTES_WEBHOOK_SECRET": SECRET, "QUOTES_WORKERS": "1"}
        with served(OBEDIENT, **setting, QUOTES_WEBHOOK_NETWORKS="127.0.0.1") as service:
            service.wait_until_ready()
            batch = {"articles": [{"text": "a"}], "webhook_url": f"http://127.0.0.1:{receiver.port}/"}
            path = httpx.post(f"{service.url}/v1/batches", json=batch).headers["location"]
            assert webhook_when(service.url + path, lambda told: told.attempts == 1).state == "failing"
            service.process.kill()
            service.process.wait()
        with served(OBEDIENT, **setting, QUOTES_WEBHOOK_NETWORKS="127.0.0.1") as service:
            webhook = webhook_when(service.url + path, lambda told: told.state == "delivered")
    assert (webhook.attempts, webhook.last_status) == (2, 204)
    (first, body), (second, again) = receiver.requests
    assert first["webhook-id"] == second["webhook-id"] == webhook.id
    assert body == again


def webhook_when(url, condition):
    for _ in range(3000):
        webhook = batch_schemas.Batch.model_validate_json(httpx.get(url).content).webhook
        if webhook is not None and condition(webhook):
            return webhook
        time.sleep(0.01)
    raise TimeoutError(webhook)


async def test_without_a_secret_what_waits_waits_on(database):
    with receiving() as receiver:
        async with delivering(database, secret=None) as (deliverer, opened):
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/")
            await anyio.sleep(0.1)
            assert (await state(opened)).state == "pending"
        async with delivering(database) as (_, opened):
            await reached(opened, "delivered")


@pytest.mark.parametrize(("step", "sent"), [("due", 1), ("note", 2)])
async def test_a_database_that_fails_ends_nothing(step, sent, database, monkeypatch, caplog):
    """Where the answer could not be noted the message is sent again, with the same id."""
    monkeypatch.setattr(deliverer_module, "PAUSE", 0.05)
    real = getattr(deliverer_module, step)

    def failing_once(*args):
        monkeypatch.setattr(deliverer_module, step, real)
        raise RuntimeError

    with receiving() as receiver:
        async with delivering(database) as (deliverer, opened):
            monkeypatch.setattr(deliverer_module, step, failing_once)
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/")
            await reached(opened, "delivered")
    assert "webhooks could not be delivered" in caplog.text
    assert len(receiver.requests) == sent
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1


# --- which URLs are taken ---


@pytest.fixture
async def strict(database):
    async with delivering(database, reach=Reach()) as (deliverer, _):
        yield deliverer


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "http://93.184.215.14/"])
async def test_a_url_that_may_not_be_called_is_refused(url, strict):
    with pytest.raises(Problem) as caught:
        await strict.require(url)
    assert (caught.value.kind.status, caught.value.kind.slug) == (422, "webhook-refused")
    assert [pointer for pointer, _ in caught.value.errors] == ["#/webhook_url"]


@pytest.mark.parametrize("url", ["https://93.184.215.14/hook", "https://cms.invalid/hook"])
async def test_others_are_taken(url, strict):
    await strict.require(url)


async def test_a_name_server_that_does_not_answer_holds_nobody_up(strict, monkeypatch):
    answered = threading.Event()

    def getaddrinfo(*args, **kwargs):
        answered.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(deliverer_module, "LOOK_UP", 0.05)
    await strict.require("https://cms.example.org/hook")
    assert not answered.is_set()
    answered.set()


async def test_without_a_secret_none_is_taken(database):
    async with delivering(database, secret=None) as (deliverer, _):
        with pytest.raises(Problem) as caught:
            await deliverer.require("https://93.184.215.14/hook")
    assert caught.value.kind.slug == "webhooks-off"


# --- documentation ---


async def test_the_openapi_document_has_the_event_as_it_is_sent(database):
    with receiving() as receiver:
        async with delivering(database) as (deliverer, opened):
            batch = EXAMPLE["data"]["id"]
            await complete(deliverer, opened, f"http://127.0.0.1:{receiver.port}/", batch)
            await reached(opened, "delivered", batch=batch)
    ((headers, body),) = receiver.requests
    assert json.loads(body) == EXAMPLE
    api = create_app().openapi()
    operation = api["webhooks"]["batch.completed"]["post"]
    documented = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
    assert documented == {name for name in headers if name.startswith("webhook-")}
    content = operation["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/BatchCompleted"}
    assert [example["value"] for example in content["examples"].values()] == [EXAMPLE]
    assert api["components"]["schemas"]["BatchCompleted"]["properties"].keys() == json.loads(body).keys()
    batch_schemas.BatchCompleted.model_validate_json(body)
