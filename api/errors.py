"""Every error as problem details (RFC 9457), in one shape: type, title, status, detail, instance, request_id, errors.

`type` names the kind of problem and never changes; `detail` is for people; `request_id` finds the request in the log;
each of `errors` points into the body that was sent with a JSON pointer in fragment form ("#/text").
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import BaseRoute, Match

from api import schemas
from quotes.errors import ArticleTooDeep, ArticleTooLong, EmptyArticle, InputError

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MOST_ERRORS = 50  # listed in one answer


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its HTTP status, the end of its `type`, and its title."""

    status: int
    slug: str
    title: str


MALFORMED = Kind(400, "malformed-body", "The body is not JSON in UTF-8")
BAD_KEY = Kind(400, "bad-idempotency-key", "The Idempotency-Key cannot be used")
UNAUTHENTICATED = Kind(401, "unauthenticated", "An API key is needed")
FORBIDDEN = Kind(403, "insufficient-scope", "The API key may not do this")
NOT_FOUND = Kind(404, "not-found", "There is nothing here")
METHOD_NOT_ALLOWED = Kind(405, "method-not-allowed", "This method is not allowed here")
NOT_ACCEPTABLE = Kind(406, "not-acceptable", "There is no such form of the answer")
KEY_IN_USE = Kind(409, "idempotency-key-in-use", "The first request with this Idempotency-Key is being answered")
WEBHOOKS_OFF = Kind(409, "webhooks-off", "The service sends no webhooks")
PRECONDITION_FAILED = Kind(412, "precondition-failed", "The article is not in the state that the request asks for")
BODY_TOO_LARGE = Kind(413, "body-too-large", "The body is too large")
ARTICLE_TOO_LONG = Kind(413, "article-too-long", "The article is too long")
ARTICLE_TOO_DEEP = Kind(413, "article-too-deep", "The elements of the article are nested too deep")
TOO_MANY_ARTICLES = Kind(413, "too-many-articles", "There are too many articles")
TOO_MANY_ROWS = Kind(413, "too-many-rows", "There are too many rows")
NOT_JSON = Kind(415, "unsupported-media-type", "The body must be JSON")
BAD_ARTICLE_ID = Kind(422, "bad-article-id", "The identifier of the article cannot be used")
INVALID = Kind(422, "invalid-request", "The request does not have the form that is asked for")
KEY_REUSED = Kind(422, "idempotency-key-reused", "The Idempotency-Key belongs to another request")
WEBHOOK_REFUSED = Kind(422, "webhook-refused", "The webhook may not be called")
EMPTY_ARTICLE = Kind(422, "empty-article", "There is no text in the article")
QUOTATION_NOT_FOUND = Kind(422, "quotation-not-found", "The quotation does not stand in its context")
UNREADABLE_ARTICLE = Kind(422, "unreadable-article", "The article cannot be read")
TOO_MANY_REQUESTS = Kind(429, "too-many-requests", "There were too many requests")
CLIENT_GONE = Kind(499, "client-gone", "The client went away")  # nobody reads it; nginx has the number
INTERNAL = Kind(500, "internal-error", "The service failed")
NOT_READY = Kind(503, "not-ready", "The service is not ready")
OVERLOADED = Kind(503, "overloaded", "The service has too much to do")
WORKER_LOST = Kind(503, "worker-lost", "The process that worked on it ended")
DATABASE_UNUSABLE = Kind(503, "database-unusable", "The service cannot use its database")
TIME_LIMIT = Kind(504, "time-limit", "The answer took too long")
OF_WORKERS = (NOT_READY, OVERLOADED, WORKER_LOST, TIME_LIMIT)  # what every route that gives them a job may answer

_OF_STATUS = {kind.status: kind for kind in (MALFORMED, NOT_FOUND, METHOD_NOT_ALLOWED, INTERNAL)}


class Problem(HTTPException):
    """Raised to answer with a problem; `errors` are pairs of a JSON pointer ("#/text") and what is wrong there."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.status, detail, headers)
        self.kind = kind
        self.errors = errors

    def __reduce__(self) -> tuple[type["Problem"], tuple[Any, ...]]:
        return type(self), (self.kind, self.detail, self.errors, self.headers)


def refusal(error: InputError, pointer: str) -> Problem:
    """The problem for an article that cannot be read; `pointer` is where it stands in the body."""
    if isinstance(error, EmptyArticle):
        kind = EMPTY_ARTICLE
    elif isinstance(error, ArticleTooLong):
        kind = ARTICLE_TOO_LONG
    elif isinstance(error, ArticleTooDeep):
        kind = ARTICLE_TOO_DEEP
    else:
        kind = UNREADABLE_ARTICLE
    return Problem(kind, str(error), [(pointer, str(error))])


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """What FastAPI's `responses` needs to document these problems."""
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, []).append(kind.title)
    return {status: {"model": schemas.Problem, "description": "; ".join(said)} for status, said in titles.items()}


def install(app: FastAPI) -> None:
    """Make `app` answer its own errors and the caller's with problem details; `api.tracing` does so for all others."""
    app.add_exception_handler(StarletteHTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    if not isinstance(error, Problem):
        error = _explained(request, error)
    return answer(request, error)


def _explained(request: Request, error: StarletteHTTPException) -> Problem:
    """FastAPI's own exception, with a kind and a detail that helps."""
    kind = _OF_STATUS.get(error.status_code, Kind(error.status_code, "other", "The request failed"))
    detail = str(error.detail)
    if kind is NOT_FOUND:
        detail = f"there is no {request.url.path}; /docs lists what there is"
    elif kind is METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request))
        return Problem(kind, f"{request.method} is not allowed here; allowed: {allowed}", headers={"Allow": allowed})
    elif kind is MALFORMED:
        cause = error.__cause__
        if isinstance(cause, UnicodeDecodeError):
            detail = f"byte {cause.start} of the body is not UTF-8"
        elif isinstance(cause, RecursionError):
            detail = "the body is nested too deeply"
        return Problem(kind, detail, [("#", detail)])
    return Problem(kind, detail, headers=error.headers)


def _methods(request: Request) -> list[str]:
    """The methods that are allowed at the request's path, on all of its routes; the error knows only those of the first."""
    scopes = ({**request.scope, "method": method} for method in METHODS)
    routes: list[BaseRoute] = request.app.routes
    return [s["method"] for s in scopes if any(route.matches(s)[0] is Match.FULL for route in routes)]


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        detail = f"{found[0]['ctx']['error']} at character {found[0]['loc'][1]}"
        return answer(request, Problem(MALFORMED, detail, [("#", detail)]))
    if outside := [
        f"{one['loc'][0]} parameter {one['loc'][-1]}: {_said(one)}" for one in found if one["loc"][0] != "body"
    ]:
        return answer(request, Problem(INVALID, "; ".join(outside)))
    return answer(request, invalid([{**one, "loc": one["loc"][1:]} for one in found]))


def invalid(found: Sequence[Mapping[str, Any]], within: Sequence[int | str] = ()) -> Problem:
    """The problem for what pydantic has found in a part of the body; `within` leads there."""
    errors = [(_pointer((*within, *one["loc"])), _said(one)) for one in found[:MOST_ERRORS]]
    return Problem(INVALID, "; ".join(said if at == "#" else f"{at}: {said}" for at, said in errors), errors)


def _pointer(location: Sequence[int | str]) -> str:
    """The JSON pointer, as a URI fragment, for where pydantic found something in the body."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in location)
    return "#" + "".join("/" + quote(step, safe="~", errors="replace") for step in steps)


def _said(error: Mapping[str, Any]) -> str:
    wrong = error.get("ctx", {}).get("error")
    return str(wrong) if isinstance(wrong, ValueError) else str(error["msg"])


def answer(request: Request, problem: Problem) -> Response:
    """The answer that tells of a problem."""
    body = told(problem, _path(request), request.state.request_id)
    return Response(body, problem.status_code, headers=problem.headers, media_type=MEDIA_TYPE)


def told(problem: Problem, instance: str, request_id: str) -> str:
    """Problem details as JSON; `instance` is the path that was asked for."""
    body = schemas.Problem(
        type=f"urn:problem-type:quotes:{problem.kind.slug}",
        title=problem.kind.title,
        status=problem.kind.status,
        detail=problem.detail,
        instance=instance,
        request_id=request_id,
        errors=[schemas.ProblemError(pointer=pointer, detail=detail) for pointer, detail in problem.errors],
    )
    # ASCII, because what is wrong may be a lone surrogate, which UTF-8 cannot hold.
    return json.dumps(body.model_dump())


def _path(request: Request) -> str:
    """The path that was asked for, as it was written."""
    raw = request.scope.get("raw_path")
    return quote(request.url.path) if raw is None else quote(raw, safe="/%:@!$&'()*+,;=~")
