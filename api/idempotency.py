"""`Idempotency-Key`: a POST that is sent again, after a time-out say, is not done again (docs/idempotency.md).

It follows the IETF's draft “The Idempotency-Key HTTP Header Field”. The first request with a key is done, and its answer
stored; the same request with the same key gets that answer again, another request with it is refused. Two parts share the
work: `claim_key`, a dependency of the routes, runs once the caller is known and before anything is done; `StoringAnswers`,
a middleware, sees what is answered in the end, problems included.

Which keys are being worked on is known in memory alone, so that a service that died leaves none of them locked. That
rests on one process serving a database.
"""

import hashlib
import json
import logging
import re
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import FastAPI, Header, Request, Response
from pydantic import WithJsonSchema
from sqlalchemy import Connection, delete, insert, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.database import Database, database_of
from api.errors import BAD_KEY, KEY_IN_USE, KEY_REUSED, Problem
from api.tables import idempotent_answers

Headers = Iterable[tuple[bytes, bytes]]  # names in lower case

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
MAX_KEY = 255  # characters
PROBLEMS = (BAD_KEY, KEY_IN_USE, KEY_REUSED)  # what a route with `claim_key` documents

# Of the answers that are no success, those that the same request would get again. Any other lets the key go: the service
# or the moment was at fault, and nothing was done.
STORED_PROBLEMS = {400, 406, 413, 415, 422}
# What describes the answer; other headers describe the moment (Date, RateLimit, a request's id).
_STORED_HEADERS = {b"content-disposition", b"content-type", b"etag", b"link", b"location", b"vary"}

_BARE = re.compile(rf"[!#-~]{{1,{MAX_KEY}}}")  # visible ASCII, no quotation mark
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')  # a string of RFC 9651, as the draft has it

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Claim:
    """A key that a request holds while it is being answered."""

    caller: str
    key: str
    request: str  # digest of what was asked
    expires: int  # nanoseconds since 1970
    stored: bool = False

    def store(self, connection: Connection, status: int, headers: Headers, body: bytes) -> None:
        """Store the answer, and forget those that have expired.

        A route that writes to the database does this in the same transaction, so that a crash leaves both or neither.
        """
        self.stored = True
        connection.execute(delete(idempotent_answers).where(idempotent_answers.c.expires <= time.time_ns()))
        values = {
            "caller": self.caller,
            "key": self.key,
            "request": self.request,
            "expires": self.expires,
            "status": status,
            "headers": json.dumps({n.decode(): v.decode() for n, v in headers if n in _STORED_HEADERS}),
            "body": zlib.compress(body, level=1),
        }
        connection.execute(insert(idempotent_answers).prefix_with("OR REPLACE").values(values))


@dataclass(slots=True)
class Keys:
    """The keys that are held by requests, each with the digest of its request."""

    lifetime: int  # seconds that an answer is kept
    _held: dict[tuple[str, str], str] = field(default_factory=dict)

    async def claim(self, caller: str, key: str, request: str, database: Database) -> Claim:
        """Hold a key. Raises Replay where its answer is stored, Problem where it is in use or was used otherwise."""
        if (asked := self._held.get((caller, key))) is not None:
            if asked != request:
                raise _reused(key)
            detail = f"the first request with the key {key} is still being answered; try again in a moment"
            raise Problem(KEY_IN_USE, detail, headers={"Retry-After": "1"})
        claim = Claim(caller, key, request, time.time_ns() + self.lifetime * 10**9)
        self._held[caller, key] = request
        try:
            await database.read(lambda connection: _look_up(connection, claim))
        except BaseException:
            self.release(claim)
            raise
        return claim

    def release(self, claim: Claim) -> None:
        """Let the key go."""
        del self._held[claim.caller, claim.key]


class Replay(Exception):
    """Raised by `claim_key` to answer with what was answered before."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__()
        self.status = status
        self.headers = headers
        self.body = body


def caller_of(request: Request) -> str:
    """Whose key it is: two callers may use the same one. Callers are told apart by their API keys, where they have any."""
    return request.state.key_id or ""


async def claim_key(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            description="Any string that is new for every new request, a UUID say. Sent again with the same request, it "
            "gets the same answer, and nothing is done twice.",
        ),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!#-~]+$"}),
    ] = None,
) -> None:
    """Hold the request's key, if it has one, until it is answered. Raises Problem (400, 409, 422) and Replay."""
    if idempotency_key is None:
        return
    key = _parsed(request.headers.getlist(HEADER))
    headers = [request.headers.getlist(name) for name in ("accept", "content-type")]
    asked = [request.url.path, request.url.query, *headers]
    digest = hashlib.sha256(json.dumps(asked).encode() + b"\n" + await request.body()).hexdigest()
    keys: Keys = request.app.state.idempotency
    request.state.claim = await keys.claim(caller_of(request), key, digest, database_of(request))


def claim_of(request: Request) -> Claim | None:
    """The claim of a request that has a key, for a route that stores its answer together with what it does."""
    return getattr(request.state, "claim", None)


class StoringAnswers:
    """ASGI middleware that stores the answer to a request that holds a key before it is sent, and lets the key go."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; hold the answer back until it is stored."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        state = scope.setdefault("state", {})
        held: list[Message] = []

        async def store_and_send(message: Message) -> None:
            claim: Claim | None = state.get("claim")
            if claim is None:
                return await send(message)
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await _store(claim, held, scope["app"].state.database)
                release()  # now, so that whoever has the answer can have it again
                for one in held:
                    await send(one)

        def release() -> None:
            if claim := state.pop("claim", None):
                scope["app"].state.idempotency.release(claim)

        try:
            await self._app(scope, receive, store_and_send)
        finally:
            release()


def install(app: FastAPI, lifetime: int) -> None:
    """Make `app` keep answers for `lifetime` seconds; its routes that do so depend on `claim_key`."""
    app.state.idempotency = Keys(lifetime)
    app.add_middleware(StoringAnswers)
    app.add_exception_handler(Replay, _on_replay)


async def _on_replay(request: Request, replay: Exception) -> Response:
    assert isinstance(replay, Replay)
    return Response(replay.body, replay.status, headers={**replay.headers, REPLAYED: "true"})


def _parsed(sent: list[str]) -> str:
    """The key, without the quotation marks that the draft asks for and that many clients leave out."""
    if len(sent) == 1:
        value = sent[0].strip()
        if _BARE.fullmatch(value):
            return value
        if (quoted := _QUOTED.fullmatch(value)) and len(quoted[1]) <= MAX_KEY:
            return re.sub(r"\\(.)", r"\1", quoted[1])
    detail = f"send one {HEADER} of 1 to {MAX_KEY} visible ASCII characters, a UUID say"
    raise Problem(BAD_KEY, detail)


def _look_up(connection: Connection, claim: Claim) -> None:
    stored = idempotent_answers.c
    of_key = (stored.caller == claim.caller) & (stored.key == claim.key) & (stored.expires > time.time_ns())
    if (found := connection.execute(select(idempotent_answers).where(of_key)).one_or_none()) is None:
        return
    if found.request != claim.request:
        raise _reused(claim.key)
    raise Replay(found.status, json.loads(found.headers), zlib.decompress(found.body))


def _reused(key: str) -> Problem:
    detail = f"the key {key} was used for another request; a new request needs a new key, a repeated one its own body"
    return Problem(KEY_REUSED, detail)


async def _store(claim: Claim, answer: list[Message], database: Database) -> None:
    start, *bodies = answer
    status = start["status"]
    if claim.stored or not (200 <= status < 300 or status in STORED_PROBLEMS):
        return
    body = b"".join(one.get("body", b"") for one in bodies)
    try:
        await database.write(lambda connection: claim.store(connection, status, start["headers"], body))
    except Problem as problem:  # the work is done: its answer must reach the caller all the same
        _log.warning("an answer could not be stored for its Idempotency-Key: %s", problem.detail)
