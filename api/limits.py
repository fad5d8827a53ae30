"""How large a request may be."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BODY_TOO_LARGE, Problem

MAX_BODY_BYTES = 1_000_000
MAX_EVALUATION_BYTES = 10_000_000  # as many rows as a service evaluates, of a thousand bytes each

MAX_BATCH_BYTES = 20_000_000  # a thousand articles of twenty thousand bytes each


class BodyLimit:
    """ASGI middleware that refuses a body over the limit while it arrives, declared or not, so that none is ever held.

    The problem is raised where the body is read, inside the application, whose error handlers answer it. (Starlette's
    own limit answers in plain text where a route reads no body.)
    """

    def __init__(self, app: ASGIApp, most: int = MAX_BODY_BYTES, larger: Mapping[str, int] | None = None) -> None:
        """`larger` has the paths whose limit is another one."""
        self._app = app
        self._most = most
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is received."""
        lengths = (value for name, value in scope.get("headers", ()) if name == b"content-length")
        declared = next((int(value) for value in lengths if value.isdigit()), 0)
        received = 0
        most = self._larger.get(scope.get("path", ""), self._most)

        async def counted() -> Message:
            nonlocal received
            if declared <= most:
                message = await receive()
                received += len(message.get("body", b""))
                if received <= most:
                    return message
            detail = f"the body has more than {most:,} bytes; send an article without what it embeds, or less at once"
            raise Problem(BODY_TOO_LARGE, detail)

        await self._app(scope, counted, send)
