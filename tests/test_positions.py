import re
import time

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from quotes.document import Analysis, Article, Quotation, QuotationKind, Span
from quotes.errors import InputError
from quotes.exports import to_dict
from quotes.positions import Selectors, selectors
from quotes.reading import from_html, from_text
from tests.html import fragments, pages, spans_of


def of_words(article: Article, words: str) -> Selectors:
    start = article.text.index(words)
    return selectors(article, [Span(start, start + len(words))])[0]


# --- text ---


def test_selectors_of_text_speak_of_the_text():
    article = from_text("a" * 40 + "𝒳 “Yes,” she said.")
    found = of_words(article, "Yes,")
    assert (found.exact, found.prefix, found.suffix) == ("Yes,", "a" * 29 + "𝒳 “", "” she said.")
    assert found.position == Span(43, 47)
    assert found.range is None


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.data())
def test_any_span_of_text_is_where_its_selectors_say(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    (found,) = selectors(Article(text), [Span(start, end)])
    assert found.position.of(text) == found.exact == text[start:end]
    assert text[:start].endswith(found.prefix)
    assert text[end:].startswith(found.suffix)


# --- HTML, against another parser that follows the standard ---


def tree_of(html: str, is_page: bool) -> tuple[etree._Element, str]:
    """What html5lib makes of HTML, and the text that selectors speak of."""
    parser = html5lib.HTMLParser(html5lib.getTreeBuilder("lxml"), namespaceHTMLElements=False)
    if is_page:
        root = parser.parse(html).getroot()
        return root, "".join(root.find("body").itertext(with_tail=False)) if root.find("body") is not None else ""
    root = etree.Element("root")
    last = None
    for part in parser.parseFragment(html, "div"):
        if isinstance(part, str):
            if last is None:
                root.text = (root.text or "") + part
            else:
                last.tail = (last.tail or "") + part
        else:
            root.append(part)
            last = part
    return root, "".join(root.itertext(etree.Element, with_tail=True))


@pytest.mark.parametrize(
    "html",
    [
        "<p>One</p><p>She said “<b>We</b> left”, and<br>went.</p>",
        "<p>One<p>Two “We left”<ul><li>a<li>b “or not”</ul>",
        "<table><tr><td>a<td>“We left”</table>",
        "<p>a<b>b<p>“We <i>le</b>ft</i>”</p>",
        "<p>a\r\nb &ldquo;We\r\nleft&rdquo;<pre>\r\n\r\n“x\r\ny”</pre>",
        "<!doctype html><title>T</title><script>“x”</script><div>𝒳<p>b “We left”<p>c</div>",
        "<article><h1>T</h1><p>a<p>“We left”<blockquote><p>“x”</blockquote></article>",
    ],
)
def test_another_parser_finds_the_words_where_the_paths_lead(html):
    article = from_html(html)
    found = selectors(article, spans_of(article)[:-1])
    assert all(one.range for one in found)
    is_page = found[0].range.start.path.startswith("/")
    root, text = tree_of(html, is_page)
    for one in found:
        assert one.position.of(text) == one.exact
        start, end = one.range.start, one.range.end
        (first,), (last,) = root.xpath(start.path), root.xpath(end.path)
        assert first[start.offset :].startswith(one.exact) or (
            first is not last and one.exact.startswith(first[start.offset :])
        )
        assert last[: end.offset].endswith(one.exact) or one.exact.endswith(last[: end.offset])


# --- any HTML ---


@settings(max_examples=300)
@given(html=fragments | pages)
@example("<table><td>a</table>")
@example("<p>&#1;“one &#1;two”")
def test_any_html_has_selectors_that_hold_the_words_of_the_span(html):
    try:
        article = from_html(html)
    except InputError:
        return
    spans = spans_of(article)
    for span, one in zip(spans, selectors(article, spans), strict=True):
        wanted = "".join(span.of(article.text).split())
        got = "".join(one.exact.split())
        # The marks of <q> are not in the tree.
        assert got == wanted or got == "".join(c for c in wanted if c not in "“”‘’") or "<q" in html.lower()
        if one.range is not None:
            assert re.fullmatch(
                r"(/html\[1\]/body\[1\]/)?(([a-z][a-z0-9-]*|\*)\[\d+\]/)*text\(\)\[\d+\]", one.range.start.path
            )
        else:
            assert one.position is None


def test_with_and_without_scripts():
    article = from_html("<p>One</p><noscript><p>a</p></noscript><p>“Two”")
    one, two = selectors(article, [Span(0, 3), Span(article.text.index("Two"), len(article.text) - 1)])
    assert (one.range.end.path, one.position, one.suffix) == ("p[1]/text()[1]", Span(0, 3), "")
    assert (two.exact, two.range.start.path, two.position) == ("Two", "p[2]/text()[1]", None)
    # Without scripts the <div> is an element, which </noscript> does not end.
    moved = from_html("<noscript><div></noscript><p>“Two”</div>")
    assert of_words(moved, "Two").range is None


def test_a_forged_mark_hides_all():
    """Character references make what looks like the mark beside the word, and stand there twice."""
    html = "&#xE000;{}&#xE000; one"
    offset = len(html.format("00")) - len("one")
    article = from_html(html.format(offset))
    found = of_words(article, "one")
    assert (found.exact, found.range) == ("one", None)


# --- time and size ---

COSTLY = {
    "elements": "<div>",
    "elements never closed, and ends of others": "<div></span>",
    "formatting": "<b id={}>",
    "formatting made anew": "<font size={}><p>x",
    "links": "<a href={}><div>",
    "the adoption agency": "<b><div><div></b>",
    "paragraphs": "<p>",
    "table ends that end nothing": "<div><table><tr><td></div>",
    "attributes of a page": "<html a{}=1>",
    "less than": "<",
    "ampersands": "&",
    "comments": "<!--",
    "quotations": "<p>“a”",
    "quotations in one text": "“a” ",
}


def seconds(html: str) -> float:
    article = from_html(html, max_characters=10**9, max_nesting=10**9)
    quotations = tuple(
        Quotation((Span(*match.span()),), QuotationKind.PARTIAL) for match in re.finditer("(?<=“)a(?=”)", article.text)
    )
    assert quotations
    start = time.process_time()
    to_dict(Analysis(article, quotations))
    return time.process_time() - start


@pytest.mark.parametrize("case", COSTLY)
def test_time_is_linear(case):
    def html(length: int) -> str:
        piece = COSTLY[case]
        return "<p>“a”" + "".join(piece.format(number) for number in range(length // len(piece)))

    # Ten times the length; quadratic would be a hundred times the time. The constant covers what may be spent at most.
    assert seconds(html(100_000)) < 30 * seconds(html(10_000)) + 1.5


def test_many_attributes_are_not_compared_with_each_other():
    attributes = " ".join(f"a{number}=1" for number in range(50_000))
    assert seconds(f"<p>“a”<p {attributes}>") < 2
