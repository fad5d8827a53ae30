"""Who may do what, and how often."""

from fastapi import Request
from sqlalchemy import Connection
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import keys
from api.database import Database
from api.errors import FORBIDDEN, TOO_MANY_REQUESTS, UNAUTHENTICATED, Problem, answer
from api.rate_limit import RateLimit

# To everybody, as often as they like; the page at /docs has its scripts below it.
OPEN = {"/livez", "/readyz", "/docs", "/openapi.json"}
METRICS = "/metrics"
# These compute and keep nothing, so that a key that may only read may call them.
COMPUTING = {"/v1/analyses", "/v1/stances", "/v1/evaluations"}


def scope_needed(method: str, path: str) -> keys.Scope | None:
    """The scope of the key that a request needs, where keys are asked for; None where it needs none."""
    if path in OPEN or path.startswith("/docs/"):
        return None
    if path == METRICS:
        return keys.Scope.ADMIN
    if method in ("GET", "HEAD", "OPTIONS") or path in COMPUTING:
        return keys.Scope.READ
    return keys.Scope.WRITE


class Guard:
    """ASGI middleware that refuses, before a body is read, who has no key for what is asked or asks too often."""

    def __init__(self, app: ASGIApp, database: Database, rate_limit: str | None) -> None:
        """`rate_limit` is for example "600/minute"; None is no limit."""
        self._app = app
        self._database = database
        self._rate_limit = RateLimit(rate_limit) if rate_limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer with a problem."""
        needed = scope_needed(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if needed is None:
            return await self._app(scope, receive, send)
        request = Request(scope)
        fields: dict[str, str] = {}

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(fields)
            await send(message)

        try:
            key, asked_for = await self._database.read(lambda connection: _found(connection, request))
            scope["state"]["key_id"] = key and key.id
            if self._rate_limit and scope["path"] != METRICS:
                left = self._rate_limit.take(
                    f"key {key.id}" if key else f"address {request.client and request.client.host}"
                )
                fields = self._rate_limit.fields(left)
                if not left.granted:
                    detail = f"there were more requests than are allowed; try again in {left.seconds} s"
                    raise Problem(TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(left.seconds)})
            if asked_for:
                _admit(key, needed, given="authorization" in request.headers)
        except Problem as problem:
            return await answer(request, problem)(scope, receive, told)
        await self._app(scope, receive, told)


def _found(connection: Connection, request: Request) -> tuple[keys.Key | None, bool]:
    """The key that came with a request, and whether one is asked for."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = keys.holder(connection, token.strip()) if scheme.lower() == "bearer" else None
    return key, key is not None or keys.are_asked_for(connection)


def _admit(key: keys.Key | None, needed: keys.Scope, given: bool) -> None:
    """Raise a problem unless the key is good for what is asked; the challenges are those of RFC 6750."""
    if key is None:
        detail = "the API key is not known, or no longer" if given else "send an API key: Authorization: Bearer KEY"
        challenge = 'Bearer realm="quotes"' + (', error="invalid_token"' if given else "")
        raise Problem(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})
    if not key.scope.includes(needed):
        challenge = f'Bearer realm="quotes", error="insufficient_scope", scope="{needed.value}"'
        detail = f"this needs a key of scope {needed.value}; the one that was sent has {key.scope.value}"
        raise Problem(FORBIDDEN, detail, headers={"WWW-Authenticate": challenge})
