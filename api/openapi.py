"""The OpenAPI document: FastAPI's, and what middleware adds to every operation.

FastAPI knows the routes; that a key may be needed, that there may be a limit, that every answer has a request id, and
that problems have a media type of their own is said here.
"""

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI
from starlette.routing import compile_path

from api.errors import (
    DATABASE_UNUSABLE,
    FORBIDDEN,
    INTERNAL,
    MEDIA_TYPE,
    TOO_MANY_REQUESTS,
    UNAUTHENTICATED,
    Kind,
)
from api.guard import METRICS, scope_needed
from api.idempotency import HEADER, REPLAYED, STORED_PROBLEMS

_HEADERS = {
    "X-Request-Id": ("The caller's, where that was fit, or a new one; it finds the request in the log.", "save-17"),
    "RateLimit-Policy": ("The quota of the caller, where there is one: requests, and seconds.", '"default";q=600;w=60'),
    "RateLimit": ("What is left of the quota: requests, for so many seconds.", '"default";r=599;t=42'),
    REPLAYED: ("That this is the stored answer to an earlier request with the same Idempotency-Key.", "true"),
    "Retry-After": ("Seconds to wait before the next try.", "5"),
    "WWW-Authenticate": ("Which key is needed.", 'Bearer realm="quotes"'),
}
_KEY = "apiKey"
# Requests that were made, with the answers of the shipped models; `python -m tests.examples` writes them.
EXAMPLES = Path(__file__).with_name("examples.json")


class Service(FastAPI):
    """A FastAPI application that documents what its middleware does."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            components = document["components"]
            components["headers"] = {
                name: {"description": said, "schema": {"type": "string"}, "example": example}
                for name, (said, example) in _HEADERS.items()
            }
            described = "A key that `quotes keys create` printed. None is asked for as long as none was made."
            components["securitySchemes"] = {_KEY: {"type": "http", "scheme": "bearer", "description": described}}
            exchanges = json.loads(EXAMPLES.read_text(encoding="utf-8"))
            for path, method, operation in operations(document):
                _complete(operation, method, path)
                for exchange in exchanges:
                    _illustrate(operation, method, path, exchange)
        assert self.openapi_schema is not None
        return self.openapi_schema


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation of an OpenAPI document, after its path and its method in capitals."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    for parameter in operation.get("parameters", []):
        if "anyOf" in parameter["schema"]:  # a header that is not sent is no null
            parameter["schema"] = next(kind for kind in parameter["schema"]["anyOf"] if kind != {"type": "null"})
    responses: dict[str, dict[str, Any]] = operation["responses"]
    scope = scope_needed(method, path)
    operation["security"] = [{}, {_KEY: [scope.value]}] if scope else []
    kinds = [UNAUTHENTICATED, FORBIDDEN, DATABASE_UNUSABLE] if scope else []
    for kind in (*kinds, INTERNAL, *([TOO_MANY_REQUESTS] if _is_counted(method, path) else [])):
        _add(responses, kind)
    for status, response in responses.items():
        headers = ["X-Request-Id"]
        if _is_counted(method, path):
            headers += ["RateLimit-Policy", "RateLimit"]
        if _takes_idempotency_key(operation):
            if int(status) < 300 or int(status) in STORED_PROBLEMS:
                headers.append(REPLAYED)
            elif int(status) == HTTPStatus.CONFLICT:
                headers.append("Retry-After")
        if int(status) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            headers.append("WWW-Authenticate")
        if int(status) in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            headers.append("Retry-After")
        references = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
        response["headers"] = references | response.get("headers", {})
        if int(status) >= 400:
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"] = dict(sorted(responses.items()))


def _is_counted(method: str, path: str) -> bool:
    return scope_needed(method, path) is not None and path != METRICS


def _takes_idempotency_key(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == HEADER for parameter in operation.get("parameters", []))


def _add(responses: dict[str, dict[str, Any]], kind: Kind) -> None:
    """Document a kind of problem, beside others of the same status."""
    response = responses.setdefault(str(kind.status), {"description": kind.title})
    if kind.title not in response["description"].split("; "):
        response["description"] += f"; {kind.title}"


def _illustrate(operation: dict[str, Any], method: str, path: str, exchange: dict[str, Any]) -> None:
    """Add a request and its answer to the operation, if they are its own."""
    asked = compile_path(path)[0].match(exchange["path"])
    if asked is None or exchange["method"] != method:
        return
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            parameter["example"] = unquote(asked[parameter["name"]])
    if "body" in exchange:
        _add_example(operation["requestBody"]["content"]["application/json"], exchange, exchange["body"])
    if exchange.get("type"):
        content = operation["responses"][str(exchange["status"])]["content"]
        _add_example(content[exchange["type"]], exchange, exchange["answer"])


def _add_example(content: dict[str, Any], exchange: dict[str, Any], value: Any) -> None:
    examples = content.setdefault("examples", {})
    if all(example["value"] != value for example in examples.values()):
        examples[exchange["name"]] = {"summary": exchange["summary"], "value": value}
