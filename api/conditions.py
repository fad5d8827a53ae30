"""Conditional requests (RFC 9110, 13): `If-None-Match` spares an answer, `If-Match` guards against lost updates.

An entity tag is the version of an article, and the form of the answer where that is not JSON.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Request

from api.answers import Form
from api.errors import PRECONDITION_FAILED, Problem

_TAG = re.compile(r'(W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request makes its execution depend on; the headers, None where they are not sent."""

    if_match: str | None
    if_none_match: str | None

    def require(self, version: str | None) -> None:
        """Raise Problem (412) unless an article whose current version is this one (None: there is none) may be changed."""
        current = "there is no such article" if version is None else f"the current version is {version}"
        if self.if_match is not None and not _names(self.if_match, version, weak=False):
            detail = f"If-Match asks for {self.if_match}, but {current}; read the article again, then decide"
            raise Problem(PRECONDITION_FAILED, detail)
        if self.if_none_match is not None and _names(self.if_none_match, version, weak=True):
            raise Problem(PRECONDITION_FAILED, f"If-None-Match refuses {self.if_none_match}, and {current}")

    def spare(self, tag: str) -> bool:
        """Whether the client already has the answer with this entity tag (304)."""
        if self.if_none_match is None:
            return False
        return self.if_none_match.strip() == "*" or tag in (
            f'"{opaque}"' for _, opaque in _TAG.findall(self.if_none_match)
        )


def entity_tag(version: str, form: Form) -> str:
    """The strong entity tag of a version in a form; another form is another sequence of bytes."""
    return f'"{version}"' if form is Form.JSON else f'"{version}-{form.name.lower()}"'


def conditions(
    request: Request,
    if_match: Annotated[
        str | None, Header(description="Entity tags; the request is refused (412) where none is the current one.")
    ] = None,
    if_none_match: Annotated[
        str | None, Header(description="*; the request is refused (412) where there is an article already.")
    ] = None,
) -> Conditions:
    """The conditions of a request that changes something, for routes to depend on."""
    return Conditions(_sent(request, "if-match"), _sent(request, "if-none-match"))


def known_tags(
    request: Request,
    if_none_match: Annotated[
        str | None, Header(description="Entity tags that the client has; where one is current, the answer is 304.")
    ] = None,
) -> Conditions:
    """The conditions of a request that reads, for routes to depend on."""
    return Conditions(None, _sent(request, "if-none-match"))


def _sent(request: Request, name: str) -> str | None:
    return ", ".join(request.headers.getlist(name)) or None


def _names(header: str, version: str | None, weak: bool) -> bool:
    if version is None:
        return False
    if header.strip() == "*":
        return True
    return any(opaque.partition("-")[0] == version for is_weak, opaque in _TAG.findall(header) if weak or not is_weak)
