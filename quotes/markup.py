"""The tokens of HTML, as the HTML standard cuts them, and how deep its elements nest.

HTML is scanned with one regular expression, not with `html.parser`: that one needs time quadratic in the length of
hostile input (70 s were measured for 60 kB of unclosed tags) and raises AssertionError on `<![x[y`. Every token here
consumes what it looked at, so the time is linear, and what is no token is a character of text, so nothing can fail.
"""

import re
from collections import Counter
from html import unescape
from html.entities import html5

from quotes.errors import ArticleTooDeep

MAX_NESTING = 256

# The end of a tag: attributes, whose quoted values may hold ">", then ">" or the end of the source.
_TAG_REST = r"""(?: [^>"'=]++ | = [ \t\n\r\f]*+ (?: "[^"]*+" | '[^']*+' )?+ | ["'] )*+ (?: > | \Z )"""

TOKEN = re.compile(
    rf"""
    (?P<text> (?: [^<&]++ | < (?! [a-zA-Z!?/] ) | & (?! [\#a-zA-Z] ) )++ )
  | (?P<reference> & (?: \#[0-9]+ | \#[xX][0-9a-fA-F]+ | [a-zA-Z][a-zA-Z0-9]{{0,31}} ) ;? )
  | <!-- (?: -?> | .*? (?: --!?> | \Z ) )
  | < (?P<raw> (?i: script | style | title | textarea | iframe | noembed | noframes | xmp ) ) (?= [ \t\n\r\f/>] )
      {_TAG_REST} .*? (?: </ (?i: (?P=raw) ) (?= [ \t\n\r\f/>] ) {_TAG_REST} | \Z )
  | < (?P<end> /? ) (?P<name> [a-zA-Z] [^ \t\n\r\f/>]*+ ) {_TAG_REST}
  | < (?: [!?] | / (?= [^a-zA-Z] ) ) [^>]*+ (?: > | \Z )
  | (?P<stray> . )
    """,
    re.VERBOSE | re.DOTALL,
)

VOID = frozenset("area base br col embed hr img input keygen link meta param source track wbr".split())

# The start of one of these ends the one of its name before it.
ONE_AT_A_TIME = frozenset(
    "a body button caption colgroup dd dt form h1 h2 h3 h4 h5 h6 head html li nobr optgroup option p rb rp rt rtc "
    "tbody td tfoot th thead tr".split()
)

# What an end tag ends: one of these, itself alone; one of the tables, what is in its table; another of the special ones, what
# is in it, but not over a barrier; any other element, what is in it, but not over a special one.
FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_TABLES = frozenset("caption col colgroup table tbody td tfoot th thead tr".split())
_BARRIERS = frozenset("applet caption marquee object table td template th".split())
_SPECIAL = _TABLES | frozenset(
    "address applet article aside blockquote body button center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 head header hgroup html li listing main marquee math menu nav object ol p pre search "
    "section select summary svg template ul".split()
)


class OpenElements:
    """The names of the elements that are open, innermost last, about as the HTML standard keeps them."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return self._counts[name] > 0

    def open(self, name: str) -> None:
        """An element begins inside the others."""
        self._names.append(name)
        self._counts[name] += 1

    def close(self, name: str) -> None:
        """An end tag of this name: one that ends nothing is ignored."""
        if not self._counts[name]:
            return
        if name in _TABLES:
            barriers = frozenset(("table", "template"))
        elif name in _SPECIAL or name in FORMATTING:
            barriers = _BARRIERS
        else:
            barriers = _SPECIAL
        at = len(self._names) - 1
        while self._names[at] != name:
            if self._names[at] in barriers:
                return
            at -= 1
        ended = self._names[at : at + 1 if name in FORMATTING else None]
        del self._names[at : at + len(ended)]
        self._counts.subtract(ended)


def check_nesting(source: str, most: int) -> None:
    """Raise ArticleTooDeep where more than `most` elements lie inside each other.

    The start of an element such as <p>, <li> or <td> is taken to end the one of its name before it, so those inside others
    of their name count once; any other that is never closed counts.
    """
    elements = OpenElements()
    for token in TOKEN.finditer(source):
        if not token["name"]:
            continue
        name = token["name"].lower()
        if token["end"] or name in ONE_AT_A_TIME:
            elements.close(name)
        if not token["end"] and name not in VOID and not _closes_itself(token[0], elements):
            elements.open(name)
            if len(elements) > most:
                raise ArticleTooDeep(
                    f"the <{name}> at offset {token.start()} lies inside {most} other elements, more than which are not "
                    "allowed; close those before it, or raise QUOTES_MAX_NESTING"
                )


def _closes_itself(tag: str, elements: OpenElements) -> bool:
    """HTML gives the slash of "<b/>" no meaning, SVG and MathML do."""
    return tag.endswith("/>") and (tag.lower().startswith(("<svg", "<math")) or "svg" in elements or "math" in elements)


def dereferenced(written: str) -> tuple[str, int]:
    """What a character reference such as "&eacute;" stands for, and how many of its characters belong to it.

    A name may run into the word after it ("&ampersand"); what is no reference at all is its "&".
    """
    if written[1] == "#":
        # No code point needs this many digits, and Python refuses to read thousands of them.
        return (unescape(written) if len(written) <= 20 else "\ufffd"), len(written)
    for end in range(len(written), 2, -1):
        if (character := html5.get(written[1:end])) is not None:
            return character, end
    return "&", 1
