import io
import os
import sys
import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quotes.document import Article, Span
from quotes.errors import ArticleTooDeep, ArticleTooLong, EmptyArticle, InputError, UnreadableArticle
from quotes.reading import from_file, from_html, from_text, source_span

# --- text ---


def test_text_is_kept_as_it_is():
    text = "\ufeff “Tabs\t and  blanks\r\n stay,” she said.\u00a0 "
    assert from_text(text, title="T", url="U", id="I") == Article(text, "T", "U", "I")


@pytest.mark.parametrize("blank", ["", " \n\t", "\u00a0", "\u200b\ufeff\u2028"])
def test_an_article_without_visible_text_is_refused(blank):
    with pytest.raises(EmptyArticle):
        from_text(blank)


def test_the_limit_counts_code_points():
    from_text("𝒳" * 10, max_characters=10)
    with pytest.raises(ArticleTooLong, match="11 characters"):
        from_text("𝒳" * 11, max_characters=10)


@pytest.mark.parametrize("read", [from_text, from_html])
@pytest.mark.parametrize(("bad", "name"), [("a\0b", "NUL"), ("a\ud800b", r"U\+D800")])
def test_what_no_text_can_hold_is_refused_with_its_offset(read, bad, name):
    with pytest.raises(UnreadableArticle, match=f"offset 1 is .*{name}"):
        read(bad)
    with pytest.raises(UnreadableArticle):
        read("fine", title=bad)


# --- files ---


def test_files_are_read_by_suffix_then_by_content(tmp_path):
    html = "<p>One</p><p>Two</p>"
    for name, text in [
        ("a.html", "One\n\nTwo"),
        ("a.HTM", "One\n\nTwo"),
        ("a", "One\n\nTwo"),
        ("a.txt", html),
    ]:
        path = tmp_path / name
        path.write_text(html)
        article = from_file(path)
        assert (article.text, article.id) == (text, str(path))
    (tmp_path / "b").write_text("<3 is less than 4")
    assert from_file(tmp_path / "b").source is None


@pytest.mark.parametrize(
    "start",
    ["<!DOCTYPE html>", "\n <!-- a --> <!-- b --><html>", '<?xml version="1.0"?><html>', '<div class="x">', "<P>"],
)
def test_html_is_known_by_its_beginning(tmp_path, start):
    (tmp_path / "page").write_text(start + "text")
    assert from_file(tmp_path / "page").text == "text"


def test_a_byte_order_mark_is_dropped_and_line_ends_are_kept(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfOne\r\nTwo")
    assert from_file(tmp_path / "a.txt").text == "One\r\nTwo"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"caf\xe9", r"byte 3 \(0xE9\).*iconv -f WINDOWS-1252"),
        (b"\xef\xbb\xbfcaf\xe9", r"byte 6 \(0xE9\)"),
        ("“Yes”".encode("utf-16"), "iconv -f UTF-16"),
        (b"PK\x03\x04\x00", "byte 4 is NUL.*binary"),
        (b"", "no text"),
        (b"x" * 20, "20 characters"),
        (b"<p>" * 100, "more than 160 bytes"),
    ],
)
def test_unreadable_files_are_refused_with_name_and_reason(tmp_path, data, said):
    path = tmp_path / "article.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"article\.txt: .*{said}"):
        from_file(path, max_characters=10)


def test_files_that_cannot_be_opened_are_refused(tmp_path):
    with pytest.raises(UnreadableArticle, match="nothing: No such file"):
        from_file(tmp_path / "nothing")
    with pytest.raises(UnreadableArticle, match="directory"):
        from_file(tmp_path)


def test_a_file_name_that_is_not_utf8_makes_an_id_that_can_be_written(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")
    try:
        with open(path, "w") as stream:
            stream.write("text")
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    assert from_file(path).id.encode()


def test_a_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("“é”".encode())))
    assert from_file("-") == Article("“é”")


# --- HTML ---


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p>\n<p>Two</p>", "One\n\nTwo"),
        ("<p>One<p>Two", "One\n\nTwo"),
        ("<div><div><p> One </p></div></div> <ul><li>a<li>b</ul>", "One\n\na\n\nb"),
        ("One<br>two<br/>\nthree<br><br><br>four", "One\ntwo\nthree\n\nfour"),
        ("a \n\t b\u00a0\u00a0c&nbsp;&nbsp;d&#32;&#10; e", "a b\u00a0\u00a0c\u00a0\u00a0d e"),
        ("a<b>b</b> <i> c</i>", "ab c"),
        ("<td>a</td><td>b</td>", "a b"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("&ldquo;It&#8217;s&#x20;fine&rdquo; &eacute;&lt;", "“It’s fine” é<"),
        ("AT&T &amp &ampersand &nosuch; &; & &#", "AT&T & &ersand &nosuch; &; & &#"),
        ("&#0; &#xD800; &#99999999999999999999; &#1;&#x; &NotEqualTilde;", "\ufffd \ufffd \ufffd &#x; ≂̸"),
        ("a < b <3 <", "a < b <3 <"),
        ("a<!-- x > --> b<!--> c<!----> d<!-- e", "a b c d"),
        ("a<!doctype html> b<![CDATA[c]]> d<?php e ?> f</> g</ h> i", "a b d f g i"),
        ("<p title='a > b' data-x=\"</p>\" it's=1>text</p>", "text"),
        ('text <a href="never closed>more</a>', "text more"),
        ("text <a href=x", "text"),
        ("<script>if (a<b) '</p>'</script><style>p{}</style><noscript>n</noscript><template>t</template>x", "x"),
        ("<title>t</title><textarea><p>a</textarea><SCRIPT>a</SCRIPT >x<script>b", "x"),
        ("<head><meta charset=utf-8><title>T</title><body><p>x", "x"),
        ("<nav><ul><li>Home</ul></nav><aside><p>Ad</aside><p>x<footer>f</footer><form>a<button>b</form> y", "x y"),
        ("<div>a<nav>b</div>c", "a\n\nc"),
        ("a<svg/>b<svg><text>c</text></svg>d", "abd"),
        ("She said <q>no <q>never</q></q>.", "She said “no ‘never’”."),
        ("<p>She said <q>no</p><p>a</q> b</p>", "She said “no”\n\na b"),
        ("<nav><q>a</q></nav>b</q>", "b"),
        ("<p>x</p><article>a<aside>b</aside><p>c</article><p>y", "a\n\nc"),
        ("<form><article>a</article></form>b", "a"),
        ("<article>a</article><article>b</article>", "a\n\nb"),
        ("<main>m<article>a</article><article>b</article></main>c", "m\n\na\n\nb"),
        ("<main>m</main>c<!-- <article> -->", "m"),
        ("x<article>a", "a"),
        ("</b></p></div>x</article>", "x"),
        ("<DIV>a</Div><P>b</P>", "a\n\nb"),
    ],
)
def test_html_becomes_what_a_browser_shows(html, text):
    article = from_html(html)
    assert article.text == text
    assert_mapped(article)


@pytest.mark.parametrize("html", ["", "<p> </p>", "<script>x</script>", "<br>&nbsp;", "<a href="])
def test_html_without_text_is_refused(html):
    with pytest.raises(EmptyArticle):
        from_html(html)


def test_offsets_point_at_characters_references_and_tags():
    article = from_html("<p>Say&nbsp;&ldquo;<b>hi</b>&rdquo;</p> <p><q>Yo</q>", title="T", url="U", id="I")
    assert article.text == "Say\u00a0“hi”\n\n“Yo”"
    assert [article.source[at] for at in article.source_offsets] == list("Say&&hi&<<<Yo<")
    assert (article.title, article.url, article.id) == ("T", "U", "I")


@pytest.mark.parametrize(
    ("quoted", "source"),
    [
        ("We won’t", "We won&rsquo;t"),
        ("won’", "won&rsquo;"),
        ("won", "won"),
        ("t stop", "t <b>stop"),
        ("stop”", "stop</b>&rdquo;"),
        ("“Go”", "<q>Go</q>"),
        ("AT&T", "AT&T"),
        ("a &", "a &"),
        ("", ""),
    ],
)
def test_spans_lead_back_to_the_source(quoted, source):
    article = from_html("<p>“We won&rsquo;t <b>stop</b>&rdquo; <q>Go</q> AT&T a &amp;b a & b")
    start = article.text.index(quoted) if quoted != "a &" else article.text.rindex(quoted)
    assert source_span(article, Span(start, start + len(quoted))).of(article.source) == source


def test_only_html_has_a_source():
    end = len("text")
    assert source_span(from_html("<p>text</p>"), Span(end, end)) == Span(11, 11)
    with pytest.raises(ValueError, match="no HTML source"):
        source_span(from_text("text"), Span(0, 1))


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 10 + "text",
        "<p>text" * 100,
        "<p><span>text" * 100,
        "<ul>" + "<li><b>text</b>" * 100,
        "<table>" + "<tr><td>a<td>b" * 100,
        "<br><img><hr>" * 100 + "text",
        "<a name=x>text" * 100,
        "<svg>" + "<path/>" * 100 + "</svg>text",
        "<!-- " + "<div>" * 100 + " -->text",
        "<div><span></div>text" * 100,
    ],
)
def test_what_is_not_nested_is_not_refused(html):
    assert from_html(html, max_nesting=10).text


@pytest.mark.parametrize(
    ("html", "at"),
    [
        ("<div>" * 11 + "text", 50),
        ("<DIV/>" * 11 + "text", 60),
        ("<ul>" + "<b>" * 11, 31),
        ("<div><table><tr><td></div>" * 9 + "text", 64),  # the table is in the way of </div>
        ("<span><p></span></p>" * 2 + "<div>" * 11, 80),
        ("<b><div></b></b>" * 11 + "text", 147),  # </b> does not end the <div>
    ],
)
def test_deep_nesting_is_refused_with_the_place_and_the_setting(html, at):
    with pytest.raises(ArticleTooDeep, match=rf"at offset {at} lies inside 10 other.*QUOTES_MAX_NESTING"):
        from_html(html, max_nesting=10)


def test_nesting_is_a_limit_of_files_too(tmp_path):
    (tmp_path / "a.html").write_text("<div>" * 11 + "text")
    assert from_file(tmp_path / "a.html").text == "text"
    with pytest.raises(ArticleTooDeep, match=r"a\.html: the <div>"):
        from_file(tmp_path / "a.html", max_nesting=10)


PIECES = st.one_of(
    st.sampled_from(
        "<p> </p> <br> <div> </div> <q> </q> <nav> </nav> <article> </article> <main> </main> <b> </b> "
        "<pre> </pre> <svg/> <script> </script> <style> </style> <td> <li> <!-- --> <!doctype <![x[y < > & &amp; &amp "
        "&quot; &nosuch; &#8220; &#x201D; &nbsp; &#10; &#1; &NotEqualTilde; \" ' = / <a <a> </ <img/> “ ” ’ 𝒳 é".split()
    ),
    st.sampled_from([" ", "\n", "\t", "\u00a0", "word", "two words", '<a href="x>y">', "<a title='"]),
    st.text(max_size=5),
)


def assert_mapped(article: Article) -> None:
    text, source, offsets = article.text, article.source, article.source_offsets
    assert len(text) == len(offsets)
    assert list(offsets) == sorted(offsets)
    assert all(0 <= at < len(source) for at in offsets)
    for character, at in zip(text, offsets, strict=True):
        if source[at] != character:
            # Otherwise a reference, a tag that breaks or quotes, or another blank stands there.
            assert source[at] == "&" or (source[at] in " \t\n\r\f<" and character in " \n“”‘’")


@given(st.lists(PIECES, max_size=40).map("".join))
def test_every_code_point_leads_back_to_its_source(html):
    try:
        article = from_html(html)
    except InputError:
        return
    assert_mapped(article)
    for start in range(0, len(article.text), 7):
        span = source_span(article, Span(start, min(start + 3, len(article.text))))
        assert span.start < span.end <= len(html)


@given(st.text(st.characters(exclude_categories=()), max_size=200))
@example("<![foo[x")
@example("\ud800")
@example("<p>" + "&#" + "9" * 5000 + ";")
def test_no_string_makes_html_reading_fail(html):
    with suppress(InputError):
        from_html(html)


@pytest.mark.parametrize(
    "piece",
    ["<div>", "<a ", "<!--", "<!x", "<a b='", '<a b="', "</", "&", "&a", "<", "<q>", "<script>", "</p>", "<article>"],
)
def test_reading_time_is_linear(piece):
    def seconds(length: int) -> float:
        html = "<div>" * (length // 10) + "x" + piece * (length // len(piece))
        start = time.process_time()
        with suppress(EmptyArticle):
            from_html(html, max_nesting=length)
        return time.process_time() - start

    # Twenty times the length; quadratic would be four hundred times the time. The constant covers a clock too coarse.
    assert seconds(200_000) < 100 * seconds(10_000) + 0.5


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<p>She wrote:</p><blockquote><p>Go <b>on</b>.</p><p>Now.</p></blockquote><p>He left.</p>",
            ["Go on.\n\nNow."],
        ),
        (
            "<blockquote>One <blockquote>two</blockquote> three</blockquote><blockquote>Four",
            ["One\n\ntwo\n\nthree", "Four"],
        ),
        ("<div><blockquote>One</div>two", ["One"]),
        ("<nav><blockquote>One</blockquote></nav>two</blockquote>", []),
        ("<blockquote> <br></blockquote>two", []),
    ],
)
def test_block_quotations_are_stretches_of_the_text(html, expected):
    article = from_html(html)
    assert [span.of(article.text).strip() for span in article.blockquotes if span.of(article.text).strip()] == expected
