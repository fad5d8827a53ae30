"""The examples of the OpenAPI document are a conversation with the service, kept in api/examples.json.

`python -m tests.examples` has it again with the shipped models and writes down what is answered now; tests/test_openapi.py
holds what is answered against what is written down.
"""

import asyncio
import json
import os
import re
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from api.openapi import EXAMPLES
from quotes.pipeline import Pipeline
from tests.test_api import service

_IDENTIFIER = r"\b[0-9a-f]{32}\b"
_VOLATILE = re.compile(_IDENTIFIER + r"|\b20\d\d-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)")


def recorded():
    """The exchanges as they are written down."""
    return json.loads(EXAMPLES.read_text(encoding="utf-8"))


async def held_again(client):
    """The same requests, with what the service answers now."""
    now = {}  # the identifiers that the service has made this time, by those that are written down
    exchanges = []
    for exchange in deepcopy(recorded()):
        path = exchange["path"] = re.sub(_IDENTIFIER, lambda found: now.get(found[0], found[0]), exchange["path"])
        headers = {"X-Request-Id": exchange["name"], **exchange.get("headers", {})}
        content = json.dumps(exchange["body"]).encode() if "body" in exchange else None
        if content:
            headers["Content-Type"] = "application/json"
        response = await client.request(exchange["method"], path, content=content, headers=headers)
        while exchange["method"] == "GET" and _value(response).get("state") == "running":
            await anyio.sleep(0.05)
            response = await client.request("GET", path, headers=headers)
        written = exchange.get("answer")
        exchange["status"] = response.status_code
        if response.content:
            exchange["type"] = response.headers["content-type"].removesuffix("; charset=utf-8")
            exchange["answer"] = _value(response) or response.text
            now.update(zip(_identifiers(written), _identifiers(exchange["answer"]), strict=False))
        exchanges.append(exchange)
    return exchanges


def _identifiers(answer):
    return re.findall(_IDENTIFIER, json.dumps(answer))


def _value(response):
    return response.json() if "json" in response.headers.get("content-type", "") and response.content else {}


def settled(value):
    """The value without what is new every time."""
    if isinstance(value, dict):
        return {key: settled(part) for key, part in value.items()}
    if isinstance(value, list):
        return [settled(part) for part in value]
    return _VOLATILE.sub("…", value) if isinstance(value, str) else value


async def _record():
    pipeline = Pipeline.load()
    with TemporaryDirectory() as folder:
        os.environ["QUOTES_DATABASE"] = str(Path(folder, "quotes.sqlite"))
        async with service(lambda: pipeline) as client:
            exchanges = await held_again(client)
    EXAMPLES.write_text(json.dumps(exchanges, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_record())
