"""Identifiers in paths, percent-encoded. An encoded slash is part of one: `/v1/articles/a%2Fb` is the article `a/b`."""

import re
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Path
from pydantic import TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import BAD_ARTICLE_ID, Problem
from api.schemas import ARTICLE_ID, ArticleId

_SLASH_OR_PERCENT = re.compile(rb"%(?=2[fF]|25)")
_DECODED: TypeAdapter[str] = TypeAdapter(ArticleId)
# The limits are those of the decoded identifier: FastAPI documents them, and does not check.
_DOCUMENTED = Path(
    description="The caller's own identifier of the article, percent-encoded.",
    json_schema_extra=ARTICLE_ID,
)


class WholeSegments:
    """ASGI middleware that hands on the path with its encoded slashes (and per cent signs) still encoded.

    Servers decode the whole path before it is taken apart, after which no route can tell the two kinds of slash.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if raw := scope.get("raw_path"):
            scope["path"] = unquote(_SLASH_OR_PERCENT.sub(b"%25", raw).decode("latin-1"))
        await self._app(scope, receive, send)


def article_id(id: Annotated[str, _DOCUMENTED]) -> str:
    """The identifier of the article that the path names. Raises Problem (422)."""
    decoded = id.replace("%2F", "/").replace("%2f", "/").replace("%25", "%")
    try:
        return _DECODED.validate_python(decoded)
    except ValidationError as error:
        raise Problem(BAD_ARTICLE_ID, f"in the path: {error.errors()[0]['ctx']['error']}") from None


def article_path(id: str) -> str:
    """Where the article is."""
    return "/v1/articles/" + quote(id, safe="")
