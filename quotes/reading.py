"""Text, HTML or a ninjs item in, an `Article` out.

Text is kept exactly as received. HTML is reduced to the text that a browser would show, and every code point of that
text remembers the offset in the HTML that it came from.
"""

import codecs
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from quotes.document import Article, Span
from quotes.errors import ArticleTooLong, EmptyArticle, InputError, UnreadableArticle
from quotes.markup import MAX_NESTING, TOKEN, check_nesting, dereferenced
from quotes.ninjs import body_of, headline_of, uri_of

MAX_CHARACTERS = 1_000_000

# A file may hold this many bytes for each character allowed: four at most for text, more for the mark-up around it.
_BYTES_PER_CHARACTER = 16

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")

_LOOKS_LIKE_HTML = re.compile(
    r"""\s*+ (?> <!--.*?--> \s*+ | <\?xml.*?\?> \s*+ )*+
        < (?: !doctype\s+html
            | (?:html|head|body|main|article|section|header|div|p|h[1-6]|ul|ol|table|figure|blockquote) [\s/>] )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)

# What browsers collapse: a no-break space is not among them. A run is words with single spaces between them.
_COLLAPSED = frozenset(" \t\n\r\f")
_RUN = re.compile(r"[^ \t\n\r\f]+(?: [^ \t\n\r\f]+)*")

_BLOCKS = frozenset(
    "address article blockquote body caption center dd details dir div dl dt fieldset figcaption figure "
    "h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu ol p pre search section summary "
    "table tbody tfoot thead tr ul".split()
)
_IGNORED = frozenset(
    "aside audio button canvas datalist dialog footer form nav noscript object select svg template video".split()
)
_TRACKED = (_BLOCKS | _IGNORED | {"q"}) - {"hr"}  # the elements whose end matters; <hr> has none


def from_text(
    text: str,
    *,
    title: str | None = None,
    url: str | None = None,
    id: str | None = None,
    max_characters: int = MAX_CHARACTERS,
) -> Article:
    """An article from plain text, which is kept exactly as it is.

    Raises EmptyArticle when nothing in it can be seen, ArticleTooLong when it has more than `max_characters` code
    points, UnreadableArticle when it, or what comes with it, holds NUL or a lone surrogate.
    """
    return _checked(Article(text, title=title, url=url, id=id), max_characters)


def from_html(
    html: str,
    *,
    title: str | None = None,
    url: str | None = None,
    id: str | None = None,
    max_characters: int = MAX_CHARACTERS,
    max_nesting: int = MAX_NESTING,
) -> Article:
    """An article from an HTML page or fragment, however broken.

    The text is what a browser shows: blanks collapsed, references decoded, an empty line between blocks, a line break
    for <br>, quotation marks for <q>; scripts, navigation, forms, asides and footers are left out. Where there is
    exactly one <article>, or else exactly one <main>, only that is read. `Article.source` is `html`;
    `Article.source_offsets` gives where each code point of the text stands in it, or where the reference or tag begins
    that it stands for.

    Raises what `from_text` raises, where `max_characters` counts the text, not the mark-up; and ArticleTooDeep when more
    than `max_nesting` elements lie inside each other, as `quotes.markup.check_nesting` counts them.
    """
    check_nesting(html, max_nesting)
    visible = _visible(html)
    text, offsets = "".join(visible.pieces), tuple(visible.offsets)
    read = Article(text, title, url, id, source=html, source_offsets=offsets, blockquotes=tuple(visible.blockquotes))
    return _checked(read, max_characters)


def from_ninjs(
    item: Mapping[str, Any],
    *,
    title: str | None = None,
    url: str | None = None,
    id: str | None = None,
    max_characters: int = MAX_CHARACTERS,
    max_nesting: int = MAX_NESTING,
) -> Article:
    """An article from a ninjs item of any version (IPTC's News in JSON); `Article.body` says which body was read.

    What is not given is taken from the item: its headline is the title, its `uri` the id, and the URL where it is one.
    Raises what `from_text` and `from_html` raise, EmptyArticle where the item has no body, and UnreadableArticle where
    none is text or HTML.
    """
    body, uri = body_of(item), uri_of(item)
    title = headline_of(item) if title is None else title
    url = uri if url is None and uri is not None and uri.startswith(("https://", "http://")) else url
    id = uri if id is None else id
    if body.is_html:
        article = from_html(
            body.value, title=title, url=url, id=id, max_characters=max_characters, max_nesting=max_nesting
        )
    else:
        article = from_text(body.value, title=title, url=url, id=id, max_characters=max_characters)
    return replace(article, body=body.pointer)


def from_file(
    path: str | os.PathLike[str], *, max_characters: int = MAX_CHARACTERS, max_nesting: int = MAX_NESTING
) -> Article:
    """The article in a UTF-8 file, or from standard input where `path` is "-"; its path becomes its id.

    It is HTML where the name ends in .html, .htm or .xhtml, a ninjs item where it ends in .json, text where it ends in
    .txt or .md, and otherwise text or HTML, as its beginning looks. A byte order mark is dropped. Raises what `from_text`,
    `from_html` and `from_ninjs` raise, and UnreadableArticle when the file cannot be opened, is not UTF-8 text, or ends in
    .json and is none.
    """
    name = os.fsencode(path).decode("utf-8", "replace")
    most = max_characters * _BYTES_PER_CHARACTER
    try:
        if name == "-":
            data = sys.stdin.buffer.read(most + 1)
        else:
            with open(path, "rb") as stream:
                data = stream.read(most + 1)
        if len(data) > most:
            raise ArticleTooLong(f"it has more than {most:,} bytes; give an article, not a whole archive")
        text = _decoded(data)
        id = None if name == "-" else name
        if os.path.splitext(name)[1].lower() == ".json":
            return from_ninjs(_item(text), id=id, max_characters=max_characters, max_nesting=max_nesting)
        if _is_html(name, text):
            return from_html(text, id=id, max_characters=max_characters, max_nesting=max_nesting)
        return from_text(text, id=id, max_characters=max_characters)
    except OSError as error:
        raise UnreadableArticle(f"{name}: {error.strerror or error}") from None
    except InputError as error:
        raise type(error)(f"{name}: {error}") from None


def check_characters(text: str) -> None:
    """Raise UnreadableArticle where `text` holds a character that no text can: NUL or a lone surrogate."""
    if bad := _NO_TEXT.search(text):
        name = "NUL" if bad[0] == "\0" else f"the lone surrogate U+{ord(bad[0]):04X}"
        raise UnreadableArticle(
            f"the character at offset {bad.start()} is {name}, which no text can hold; "
            "remove it where the article is exported"
        )


def source_span(article: Article, span: Span) -> Span:
    """Where `span` of the text of an article that came as HTML lies in its source, end exclusive.

    A reference or tag that the last code point stands for is wholly inside; tags that follow it are not.
    """
    if article.source is None or article.source_offsets is None:
        raise ValueError("the article has no HTML source")
    source, offsets = article.source, article.source_offsets
    if not len(span):
        at = offsets[span.start] if span.start < len(offsets) else len(source)
        return Span(at, at)
    last = offsets[span.end - 1]
    width = 1
    if source[last] in "&<" and (token := TOKEN.match(source, last)):
        if token["reference"]:
            _, width = dereferenced(token["reference"])
        elif token["name"]:
            width = len(token[0])
    return Span(offsets[span.start], last + width)


def _checked(article: Article, max_characters: int) -> Article:
    """The article itself, once it is known that it can be analysed and written out as UTF-8."""
    for what in (article.source or article.text, article.title, article.url, article.id):
        if what:
            check_characters(what)
    # Judged by what can be seen: zero-width characters alone are no article either.
    if not any(character.isprintable() and character != " " for character in article.text):
        raise EmptyArticle("there is no text in it")
    if len(article.text) > max_characters:
        raise ArticleTooLong(
            f"its text has {len(article.text):,} characters, more than the {max_characters:,} allowed; "
            "split it, or raise QUOTES_MAX_CHARACTERS"
        )
    return article


def _decoded(data: bytes) -> str:
    """The text of UTF-8 bytes, without a byte order mark; UnreadableArticle names the first byte that is none."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableArticle("byte 0 begins UTF-16; convert it to UTF-8: iconv -f UTF-16 -t UTF-8")
    if (nul := data.find(0)) >= 0:
        raise UnreadableArticle(f"byte {nul} is NUL: it is binary, not text; give it as UTF-8 text or HTML")
    start = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    try:
        return data[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        at = start + error.start
        raise UnreadableArticle(
            f"byte {at} (0x{data[at]:02X}) is not UTF-8; save it as UTF-8, "
            "or convert it from what it is, for example: iconv -f WINDOWS-1252 -t UTF-8"
        ) from None


def _item(text: str) -> dict[str, Any]:
    try:
        item = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableArticle(f"it is not JSON: {error}") from None
    if not isinstance(item, dict):
        raise UnreadableArticle("it is no ninjs item, which is a JSON object")
    return item


def _is_html(name: str, text: str) -> bool:
    suffix = os.path.splitext(name)[1].lower()
    if suffix in (".html", ".htm", ".xhtml"):
        return True
    return suffix not in (".txt", ".md") and _LOOKS_LIKE_HTML.match(text) is not None


class _Text:
    """The visible text as it grows, with the offset of each code point in the source; collapses blanks and breaks."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.offsets: list[int] = []
        self.blockquotes: list[Span] = []  # the outermost ones, into the text
        self._blank: int | None = None  # where a blank that is due came from
        self._breaks: list[int] = []  # where each line break that is due came from

    def add(self, piece: str, offsets: Iterable[int]) -> None:
        """Append what can be seen, after the blank or the line breaks that are due; none is due at the beginning."""
        if self.pieces:
            if self._breaks:
                self.pieces.append("\n" * len(self._breaks))
                self.offsets.extend(self._breaks)
            elif self._blank is not None:
                self.pieces.append(" ")
                self.offsets.append(self._blank)
        self._blank = None
        self._breaks.clear()
        self.pieces.append(piece)
        self.offsets.extend(offsets)

    def add_words(self, source: str, start: int, end: int) -> None:
        """Append a stretch of the source that holds neither tags nor references."""
        at = start
        for run in _RUN.finditer(source, start, end):
            if run.start() > at:
                self.blank(at)
            self.add(run[0], range(run.start(), run.end()))
            at = run.end()
        if at < end:
            self.blank(at)

    def blank(self, at: int) -> None:
        """A blank is due before what comes next."""
        if self._blank is None:
            self._blank = at

    def line_break(self, at: int) -> None:
        """One more line break is due, but no more than two: several <br> are used as an empty line."""
        if len(self._breaks) < 2:
            self._breaks.append(at)

    def block(self, at: int) -> None:
        """An empty line is due."""
        while len(self._breaks) < 2:
            self._breaks.append(at)


def _visible(source: str) -> _Text:
    """The text that a browser shows for `source`."""
    text = _Text()
    stack: list[str] = []
    opened: Counter[str] = Counter()  # what is on the stack, so that an end tag without its start costs nothing
    hidden = 0  # how many elements on the stack are ignored ones
    quoted_from: int | None = None  # where in the text the outermost <blockquote> that is open began

    for token in TOKEN.finditer(source, *_main_part(source)):
        at = token.start()
        if token["name"]:
            name = token["name"].lower()
            if token["end"] and opened[name]:
                # An end tag ends whatever is still open inside its element, as browsers have it.
                last = ""
                while last != name:
                    last = stack.pop()
                    opened[last] -= 1
                    hidden -= last in _IGNORED
                    if last == "q" and not hidden:
                        text.add("’" if opened["q"] % 2 else "”", [at])
                    if quoted_from is not None and not opened["blockquote"]:
                        text.blockquotes.append(Span(quoted_from, len(text.offsets)))
                        quoted_from = None
            if not hidden:
                if name in _BLOCKS:
                    text.block(at)
                    if name == "blockquote" and not token["end"] and quoted_from is None:
                        quoted_from = len(text.offsets)
                elif name == "br":
                    text.line_break(at)
                elif name in ("td", "th"):
                    text.blank(at)
                elif name == "q" and not token["end"]:
                    text.add("‘" if opened["q"] % 2 else "“", [at])
            # Of the elements tracked only <svg/> can close itself; on others HTML gives the slash no meaning.
            if name in _TRACKED and not token["end"] and not (name == "svg" and token[0].endswith("/>")):
                stack.append(name)
                opened[name] += 1
                hidden += name in _IGNORED
        elif hidden:
            continue
        elif token["reference"]:
            character, width = dereferenced(token["reference"])
            if character in _COLLAPSED and not opened["pre"]:
                text.blank(at)
            elif character:  # a reference to a control character stands for nothing
                text.add(character, [at] * len(character))
            text.add_words(source, at + width, token.end())
        elif opened["pre"] and (token["text"] or token["stray"]):
            text.add(token[0], range(at, token.end()))
        elif token["text"] or token["stray"]:
            text.add_words(source, at, token.end())
    if quoted_from is not None:
        text.blockquotes.append(Span(quoted_from, len(text.offsets)))
    return text


def _main_part(source: str) -> tuple[int, int]:
    """The inside of the only <article>, else of the only <main>, else everything."""
    tags = [token for token in TOKEN.finditer(source) if token["name"]]
    for name in ("article", "main"):
        same = [token for token in tags if token["name"].lower() == name]
        starts = [token for token in same if not token["end"]]
        if len(starts) == 1:
            start = starts[0].end()
            ends = (token.start() for token in same if token["end"] and token.start() >= start)
            return start, next(ends, len(source))
    return 0, len(source)
