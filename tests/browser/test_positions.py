"""What `quotes.positions` says about HTML, held against the tree that Chromium makes of it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from quotes.document import Span
from quotes.errors import InputError
from quotes.positions import Selectors, selectors
from quotes.reading import from_html
from tests.html import fragments, pages, spans_of

# Gives, for each range, the words in it, and the words at its position in the text with what is around them. `scripts` says
# whether the browser that makes the tree runs scripts: it parses <noscript> accordingly.
FOLLOW = """
([html, isPage, scripts, wanted]) => {
  let doc = scripts ? document : document.implementation.createHTMLDocument("");
  if (!isPage && doc.compatMode != "CSS1Compat") { doc.open(); doc.write("<!doctype html>"); doc.close(); }
  let root = doc.createElement("div");
  if (!isPage) root.innerHTML = html;
  else if (!scripts) root = doc = new DOMParser().parseFromString(html, "text/html");
  else { root = doc; doc.open(); doc.write(html); doc.close(); }
  const node = path => doc.evaluate(path, root, null, XPathResult.FIRST_ORDERED_NODE_TYPE).singleNodeValue;
  const text = Array.from((isPage ? doc.body : root).textContent);
  return wanted.map(({start, end, position}) => {
    const range = doc.createRange();
    range.setStart(node(start.path), start.utf16_offset);
    range.setEnd(node(end.path), end.utf16_offset);
    const codePoints = Array.from(node(start.path).data.slice(0, start.utf16_offset)).length;
    const [from, to] = position || [0, 0];
    const around = [[Math.max(0, from - 32), from], [from, to], [to, to + 32]].map(ends => text.slice(...ends).join(""));
    return [range.toString(), codePoints == start.offset, position && around];
  });
}
"""


def followed(page, html: str, found: list[Selectors], scripts: bool) -> list[Any]:
    is_page = found[0].range.start.path.startswith("/")
    wanted = [
        {
            end: {"path": point.path, "offset": point.offset, "utf16_offset": point.utf16_offset}
            for end, point in (("start", one.range.start), ("end", one.range.end))
        }
        | {"position": one.position and [one.position.start, one.position.end]}
        for one in found
    ]
    return page.evaluate(FOLLOW, [html, is_page, scripts, wanted])


def assert_there(page, html: str, found: list[Selectors]) -> None:
    for scripts in (False, True):
        for one, (words, offset_agrees, around) in zip(found, followed(page, html, found, scripts), strict=True):
            assert words == one.exact
            assert offset_agrees
            if around is None:
                assert "<noscript" in html.lower()
                continue
            before, exact, after = around
            assert exact == one.exact
            if "<noscript" in html.lower():  # what is around may depend on scripts
                assert before.endswith(one.prefix)
                assert after.startswith(one.suffix)
            else:
                assert (before, after) == (one.prefix, one.suffix)


# Each has “quoted words”, which are certain to be found.
CASES = {
    "paragraphs": "<p>One</p><p>She said “<b>quoted</b> words”.</p>",
    "a comment splits a text node": "<p>a<!-- x -->b “quoted<!-- y --> words”<p>",
    "breaks": "a<br>b<br/>“quoted<br>words”",
    "references": "<p>&ldquo;quo&#116;ed&#x20;words&rdquo;",
    "an end tag left out": "<div><p>One<p>Two “quoted words”<ul><li>a<li>b</ul></div>",
    "a table without <tbody>": "<table><tr><td>a<td>“quoted words”</table>",
    "words moved out of a table": "<table><tr><td>a</td></tr><b>“quoted words”</b></table>",
    "the adoption agency": "<p>a<b>b<p>“quoted <i>wo</b>rds</i>”</p>",
    "formatting made anew": "<p><b>a<p>“quoted words”<p>c",
    "scripts and styles": "<script>“x”</script><p>a<style>b{}</style> “quoted words”",
    "CRLF": "<p>a\r\nb\r\n“quoted\r\nwords”\r\n<pre>\r\n\r\nx</pre>",
    "a newline that <pre> swallows": "<pre>\n“quoted\nwords”</pre>",
    "a <textarea>": "<textarea>\n</p>“x”</textarea><p>“quoted words”",
    "units of UTF-16": "<p>𝒳𝒳 e\u0301 “quoted\u00a0𝒳 words”",
    "a name that is no XML name": "<p“>a</p“><x:y>b</x:y><x:y>“quoted words”</x:y>",
    "MathML": "<math><mi>a</mi><mtext>“quoted words”</mtext></math>",
    "no script": "<noscript><img src='//x.example/1'>a</noscript><p>“quoted words”",
    "marks of <q>": "<p>a <q>quoted words</q>",
    "a page": "<!doctype html><title>“x”</title><body><header>a</header><p>b “quoted words”",
    "a page without a doctype": "<html><p>a<table><td>“quoted words”</table>",
    "a template": "<template><p>“x”</template><p>“quoted words”",
    "a <select>": "<select><option>a<div>b</select><div>“quoted words”",
    "private characters": "<p>\ue000\ue001 “quoted words” &#xE002;1&#xE002;",
    "a plain text": "<p>a<plaintext>“quoted words”",
}


@pytest.mark.parametrize("case", CASES)
def test_quoted_words_are_found_in_the_tree(page, case):
    article = from_html(CASES[case])
    start = article.text.index("quoted")
    found = selectors(article, [Span(start, article.text.index("words") + len("words"))])
    assert found[0].range is not None
    assert found[0].exact.startswith("quoted")
    assert found[0].exact.endswith("words")
    assert_there(page, CASES[case], found)


@pytest.mark.parametrize(
    ("html", "certain"),
    [
        ("<p>" + "a" * 65_000 + " word", True),
        ("<p>" + "a" * 66_000 + " word", False),  # Chromium cuts it
        ("<p>" + "a" * 66_000 + "<br>word", False),
        ("<p>" + "a" * 66_000 + "<b>word", True),
        ("<p>" + "𝒳" * 33_000 + "<br>word", False),
        ("<dl><dd><search>a<dd>b</dl><p>word", False),
        ("<search><form>a</form></search><p>word", True),
        ("<div>" * 100 + "word", True),
        ("<div>" * 200 + "word", False),
        ("<div>" * 200 + "a" + "</div>" * 200 + "<p>word", True),
    ],
)
def test_where_browsers_differ_there_is_no_range(page, html, certain):
    article = from_html(html)
    found = selectors(article, [Span(len(article.text) - len("word"), len(article.text))])
    assert (found[0].range is not None) == certain
    assert found[0].exact == "word"
    if certain:
        assert_there(page, html, found)


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(html=fragments | pages)
@example("<dd><b>one<dd>“two")
@example("<p><noscript><p></noscript>one")
def test_what_is_found_in_any_html_is_there(page, html):
    try:
        article = from_html(html)
    except InputError:
        return
    found = [one for one in selectors(article, spans_of(article)) if one.range is not None]
    if found:
        assert_there(page, html, found)
