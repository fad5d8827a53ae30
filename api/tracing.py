"""What the service knows of each request: an id, a line in the log, a place in the metrics."""

import logging
import re
from time import perf_counter
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from api.errors import CLIENT_GONE, INTERNAL, Problem, answer
from api.metrics import Metrics

HEADER = "X-Request-Id"
QUIET = {"/livez", "/readyz", "/metrics"}  # asked every few seconds: told in the log only where they fail
_SANE = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_PATH = 300  # characters of it that are logged

_log = logging.getLogger(__name__)


class Tracing:
    """ASGI middleware; nothing that answers may stand outside of it.

    The id is the caller's X-Request-Id where that is fit for a log and for a header, and is given back in the answer.
    An exception that nobody caught is logged here, and answered with a problem that tells nothing about it.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and watch its answer."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _SANE.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        started = perf_counter()
        with bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, watched)
            except Exception:
                _log.exception("an unexpected error")
                if status is None:
                    problem = Problem(INTERNAL, "an unexpected error; it has been logged")
                    await answer(Request(scope), problem)(scope, receive, watched)
            finally:
                self._told(scope, status or CLIENT_GONE.status, perf_counter() - started)

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.answered(scope["method"], route, status, seconds)
        if route in QUIET and status < 400:
            return
        fields = {
            "method": scope["method"],
            "path": scope["path"][:_PATH],
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "client": (scope.get("client") or (None,))[0],
            "key": scope["state"].get("key_id"),
        }
        _log.info("request", extra=fields)
