"""How large a request may be."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BODY_TOO_LARGE, Problem

MAX_BODY_BYTES = 1_000_000


class BodyLimit:
    """ASGI middleware that refuses a body over the limit while it arrives, declared or not, so that none is ever held.

    The problem is raised where the body is read, inside the application, whose error handlers answer it. (Starlette's
    own limit answers in plain text where a route reads no body.)
    """

    def __init__(self, app: ASGIApp, most: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is received."""
        lengths = (value for name, value in scope.get("headers", ()) if name == b"content-length")
        declared = next((int(value) for value in lengths if value.isdigit()), 0)
        received = 0

        async def counted() -> Message:
            nonlocal received
            if declared <= self._most:
                message = await receive()
                received += len(message.get("body", b""))
                if received <= self._most:
                    return message
            detail = f"the body has more than {self._most:,} bytes; send one article, without what it embeds"
            raise Problem(BODY_TOO_LARGE, detail)

        await self._app(scope, counted, send)
