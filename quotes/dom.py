"""Where stretches of HTML lie in the tree that a browser makes of it: paths and offsets that JavaScript can follow.

A parser that follows the HTML standard (selectolax, with lexbor) makes the tree, but does not say where in the source a
node came from. So the source is marked before it is parsed: beside the first and the last character of a stretch, where
one character more changes nothing but the text. Where the marks are found in the tree, there the stretch lies.

A wrong place is worse than none. There is none where the words found are not those looked for, where browsers with and
without scripts make different trees, deep inside other elements, and after 65,536 units of UTF-16 in one text node, where
Chromium leaves the standard and begins another. A fragment is taken to go into a page with a doctype.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from quotes.document import Span
from quotes.markup import FORMATTING, ONE_AT_A_TIME, TOKEN, VOID, OpenElements

_DEEPEST = 128  # steps of a path: Chromium nests no deeper than 512 elements, and nobody as deep as this
_LONGEST_TEXT = 65_535  # in units of UTF-16

# What the parser may cost: steps along the elements that are open (a third of a second), and nodes (300 MB).
_MOST_STEPS = 100_000_000
_MOST_NODES = 1_000_000

_OF_PAGES = frozenset(("html", "head", "body", "frameset"))
_ALONE = frozenset(("a", "nobr"))  # one of these ends the one before it
_FOREIGN = frozenset(("svg", "math"))
_LIST_ITEMS = frozenset(("li", "dd", "dt"))
_LONG_TAG = 1000
_ATTRIBUTE = re.compile(r"""[^ \t\n\r\f/>="']++ | = [ \t\n\r\f]*+ (?: "[^"]*+" | '[^']*+' )""", re.VERBOSE)

_XPATH_NAME = re.compile(r"[a-z][a-z0-9-]*")
_PRIVATE_USE = range(0xE000, 0xF900)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of HTML source that begins and ends with a character that can be seen, and the words in it.

    Blanks in the words do not matter.
    """

    source: Span
    words: str


@dataclass(frozen=True, slots=True)
class Point:
    """Between two characters of a text node.

    `path` is an XPath to the node: from the document for a page ("/html[1]/body[1]/p[1]/text()[1]"), and for a fragment from
    the element whose content it becomes ("p[1]/text()[1]"). `offset` counts code points of the node's text,
    `utf16_offset` UTF-16 code units, as DOM ranges do.
    """

    path: str
    offset: int
    utf16_offset: int


@dataclass(frozen=True, slots=True)
class Range:
    """From one point to another, the words between them, and what is around these in the text of the tree.

    That text is the `textContent` of a page's <body>, or of the element whose content a fragment becomes; `position` is
    where the words stand in it, in code points, None where that is not the same with and without scripts.
    """

    start: Point
    end: Point
    words: str
    before: str
    after: str
    position: Span | None


def locate(source: str, stretches: Sequence[Stretch], around: int) -> list[Range | None]:
    """Find stretches of HTML in the tree that a browser makes of all of it, with `around` code points before and after.

    It is a page where it has a doctype, <html>, <head> or <body>, and otherwise a fragment. Where it would take too long
    to parse, or browsers are known to differ, nothing is found.
    """
    if not stretches:
        return []
    nowhere: list[Range | None] = [None] * len(stretches)
    is_page, is_fit = _surveyed(source)
    if not is_fit:
        return nowhere
    try:
        scripted = _located(source, stretches, around, is_page, scripting=True)
        if "<noscript" not in source.lower():
            return scripted
        return list(map(_agreed, scripted, _located(source, stretches, around, is_page, scripting=False)))
    except SelectolaxError:
        return nowhere


def _agreed(one: Range | None, other: Range | None) -> Range | None:
    """What is so with and without scripts."""
    if one is None or other is None or (one.start, one.end) != (other.start, other.end):
        return None
    before = one.before[len(one.before) - _alike(reversed(one.before), reversed(other.before)) :]
    after = one.after[: _alike(one.after, other.after)]
    position = one.position if one.position == other.position else None
    return replace(one, before=before, after=after, position=position)


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """How many characters at the beginning are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _surveyed(source: str) -> tuple[bool, bool]:
    """Whether HTML is a page, and whether it is fit to be parsed: cheaply, and alike by all browsers.

    The standard's algorithm takes quadratic time and memory for some input that nobody writes. Here too much is reckoned
    rather than too little: elements that are open are all looked at by every tag, and formatting elements that are open
    are all made anew by every tag and text. Chromium does not know <search> yet where the standard ends list items.
    """
    is_page = False
    elements = OpenElements()
    formatting: Counter[str] = Counter()
    steps = nodes = page_tags = 0
    for token in TOKEN.finditer(source):
        nodes += 1 + formatting.total()
        if token.lastgroup is None:
            is_page = is_page or source[token.start() : token.start() + 9].lower() == "<!doctype"
        elif token["name"]:
            name, tag = token["name"].lower(), token[0]
            steps += 1 + len(elements)
            if name in _OF_PAGES:
                is_page = True
                page_tags += len(tag)
                steps += page_tags  # their attributes are gathered on one element
            if len(tag) > _LONG_TAG:
                steps += sum(1 for _ in _ATTRIBUTE.finditer(tag)) ** 2
            if name in FORMATTING:
                steps += 8 * (len(elements) + formatting.total())  # the adoption agency algorithm
                if token["end"]:
                    formatting[name] = max(0, formatting[name] - 1)
                else:
                    formatting[name] = 1 if name in _ALONE else formatting[name] + 1
            if token["end"]:
                elements.close(name)
            elif name not in VOID and name not in ONE_AT_A_TIME:
                elements.open(name)
            if name in _LIST_ITEMS and "search" in elements:
                return is_page, False
        if steps > _MOST_STEPS or nodes > _MOST_NODES:
            return is_page, False
    return is_page, True


def _located(
    source: str, stretches: Sequence[Stretch], around: int, is_page: bool, *, scripting: bool
) -> list[Range | None]:
    characters = set(source)
    mark = next((chr(code) for code in _PRIVATE_USE if chr(code) not in characters), None)
    if mark is None:
        return [None] * len(stretches)
    places = sorted({place for stretch in stretches for place in (stretch.source.start, stretch.source.end)})
    pieces = [f"{source[start:end]}{mark}{end}{mark}" for start, end in pairwise([0, *places])]
    marked = "".join(pieces) + source[places[-1] :]
    parser = LexborHTMLParser(marked, is_fragment=not is_page, scripting=scripting)
    text, found = _found(_text_nodes(parser, is_page), re.compile(f"{mark}([0-9]{{1,9}}){mark}"), frozenset(places))

    def ranged(stretch: Stretch) -> Range | None:
        start, end = found.get(stretch.source.start), found.get(stretch.source.end)
        if not start or not end or not start.point or not end.point or start.at > end.at:
            return None
        words, before = text[start.at : end.at], text[max(0, start.at - around) : start.at]
        if _solid(words) != _solid(stretch.words):
            return None
        after = text[end.at : end.at + around]
        return Range(start.point, end.point, words, before, after, Span(start.at, end.at))

    return [ranged(stretch) for stretch in stretches]


def _solid(words: str) -> str:
    return "".join(words.split())


class _Found(NamedTuple):
    """A mark that was found: its offset in the text of the tree, and its point where browsers agree on it."""

    at: int
    point: Point | None


def _found(nodes: Iterable["_TextNode"], mark: re.Pattern[str], numbers: Set[int]) -> tuple[str, dict[int, _Found]]:
    """The text of the tree without the marks, and the marks that stand in it; no marks where one stands there twice."""
    pieces: list[str] = []
    found: dict[int, _Found] = {}
    forged = False  # character references can make what looks like a mark
    length = 0
    for node in nodes:
        at = offset = utf16_offset = 0
        for match in mark.finditer(node.text):
            number = int(match[1])
            if number not in numbers:
                continue
            forged = forged or number in found
            piece = node.text[at : match.start()]
            at = match.end()
            pieces.append(piece)
            offset += len(piece)
            utf16_offset += _utf16_length(piece)
            certain = node.certain and utf16_offset <= _LONGEST_TEXT
            found[number] = _Found(length + offset, Point(node.path(), offset, utf16_offset) if certain else None)
        pieces.append(node.text[at:])
        length += offset + len(node.text) - at
    return "".join(pieces), {} if forged else found


class _TextNode(NamedTuple):
    text: str
    steps: Sequence[str]  # to the element that it is in, valid until the next node
    number: int  # among the text nodes there, from 1
    certain: bool  # whether browsers agree on the steps

    def path(self) -> str:
        return "/".join([*self.steps, f"text()[{self.number}]"])


def _text_nodes(parser: LexborHTMLParser, is_page: bool) -> Iterator[_TextNode]:
    """All text nodes that a page's <body>, or a fragment, has, in the order of the tree."""
    steps: list[str] = []
    body = parser.body if is_page else None
    if is_page:
        steps += ["", "html[1]", "body[1]"]
        if body is None or body.tag != "body":
            return
    node = body.child if body else parser.root
    around: list[LexborNode] = []
    levels = [_Level(foreign=False)]
    while node is not None:
        level = levels[-1]
        if node.is_text_node:
            text = node.text_content or ""
            number = level.next("text()")
            yield _TextNode(text, steps, number, len(steps) <= _DEEPEST and not level.cut)
            level.cut = level.cut or (len(text) > _LONGEST_TEXT // 2 and _utf16_length(text) > _LONGEST_TEXT)
        elif node.is_element_node:
            child, name = node.child, node.tag or ""
            step = level.step(name)
            if child is not None:
                around.append(node)
                steps.append(step)
                levels.append(_Level(foreign=level.foreign or name in _FOREIGN))
                node = child
                continue
        while node.next is None and around:
            node = around.pop()
            steps.pop()
            levels.pop()
        node = node.next


class _Level:
    """Counts what is inside one element as XPath does."""

    def __init__(self, *, foreign: bool) -> None:
        self.foreign = foreign
        self.cut = False  # whether Chromium has cut a text node here
        self._counts: Counter[str] = Counter()

    def next(self, test: str) -> int:
        """The number of the next node that passes a node test."""
        self._counts[test] += 1
        return self._counts[test]

    def step(self, name: str) -> str:
        """The XPath step to the next element. A name that is no XML name, or is not of HTML, cannot be asked for."""
        named, element = self.next(name), self.next("*")
        plain = not self.foreign and name not in _FOREIGN and _XPATH_NAME.fullmatch(name)
        return f"{name}[{named}]" if plain else f"*[{element}]"


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
