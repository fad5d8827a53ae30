"""What is read of a ninjs item (IPTC's News in JSON): its body, its headline, its identifier.

ninjs 1.x has a property for each body (`body_html`, `body_text`, …) and one for the headline; 2.x and 3.x have arrays,
`bodies` and `headlines`, whose members have a `role`, a media type (`contenttype`, in 3.x `contentType`) and a `value`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quotes.errors import EmptyArticle, UnreadableArticle

_HTML = ("text/html", "application/xhtml+xml")
_TEXT = "text/plain"
_TYPES = {"html": "text/html", "xhtml": "application/xhtml+xml", "text": _TEXT, "plain": _TEXT}


@dataclass(frozen=True, slots=True)
class Body:
    """A body of an item.

    `pointer` is the JSON pointer to its text ("/bodies/0/value"), `media` its media type where that is known.
    """

    pointer: str
    value: str
    role: str | None
    media: str | None

    @property
    def is_html(self) -> bool:
        """Whether it is HTML."""
        return self.media in _HTML


def body_of(item: Mapping[str, Any]) -> Body:
    """The body to read: HTML before plain text, the role “main” before others, then the first.

    The media type decides what it is, else the role, or in 1.x what follows “body_”. Raises EmptyArticle where there is no
    body, UnreadableArticle where none is HTML or plain text, or where a property has another type than in the standard.
    """
    bodies = [*_of_members(item), *_of_properties(item)]
    if not bodies:
        kind = item.get("type")
        what = f"; its type is “{kind}”" if isinstance(kind, str) and kind != "text" else ""
        raise EmptyArticle(f"the ninjs item has no body: neither bodies nor body_text, body_html or the like{what}")
    known = [body for body in bodies if body.is_html or body.media == _TEXT]
    if not known:
        found = ", ".join(f"{body.pointer} ({body.media or 'of a type not known'})" for body in bodies)
        raise UnreadableArticle(f"no body of the ninjs item is HTML or plain text: {found}")
    return min(known, key=lambda body: (not body.is_html, body.role != "main"))


def headline_of(item: Mapping[str, Any]) -> str | None:
    """`headline`, or of `headlines` that with the role “main”, or the first; else `title`.

    Raises UnreadableArticle where a property has another type than in the standard.
    """
    headline = _string(item, "headline")
    members = sorted(_members(item, "headlines"), key=lambda member: member[1].get("role") != "main")
    values = (_string(member, "value", pointer) for pointer, member in members)
    return headline or next(filter(None, values), None) or _string(item, "title")


def uri_of(item: Mapping[str, Any]) -> str | None:
    """The item's identifier. Raises UnreadableArticle where it is no string."""
    return _string(item, "uri")


def _of_members(item: Mapping[str, Any]) -> Iterator[Body]:
    for pointer, member in _members(item, "bodies"):
        value = _string(member, "value", pointer)
        if value is not None:
            role = _string(member, "role", pointer)
            media = _string(member, "contentType", pointer) or _string(member, "contenttype", pointer)
            media = _TYPES.get(role or "", _TEXT) if media is None else media.partition(";")[0].strip().lower()
            yield Body(f"{pointer}/value", value, role, media)


def _of_properties(item: Mapping[str, Any]) -> Iterator[Body]:
    for name in item:
        if name.startswith("body_") and (value := _string(item, name)) is not None:
            # “The parts” of a name are separated by “_”: body_text, body_main_html.
            parts = name.lower().split("_")[1:]
            media = next((_TYPES[part] for part in parts if part in _TYPES), None)
            pointer = "/" + name.replace("~", "~0").replace("/", "~1")
            yield Body(pointer, value, "main" if "main" in parts else None, media)


def _members(item: Mapping[str, Any], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The members of an array of objects, each with its pointer."""
    array = item.get(name) or []
    if not isinstance(array, list):
        raise UnreadableArticle(f"/{name} of the ninjs item is no array")
    members = [(f"/{name}/{position}", member) for position, member in enumerate(array)]
    for pointer, member in members:
        if not isinstance(member, Mapping):
            raise UnreadableArticle(f"{pointer} of the ninjs item is no object")
    return members


def _string(owner: Mapping[str, Any], name: str, pointer: str = "") -> str | None:
    value = owner.get(name)
    if value is None or isinstance(value, str):
        return value
    raise UnreadableArticle(f"{pointer}/{name} of the ninjs item is no string")
