"""Random HTML for property tests: every construct that makes a tree other than its source looks like."""

import re

from hypothesis import strategies as st

from quotes.document import Article, Span

_BLOCKS = (
    "p div ul ol li table tbody tr td th caption blockquote pre h1 h2 dl dd dt article main address hr center".split()
)
_INLINE = "b i em a font u span code nobr q br img svg math mi mtext ruby rt object button label x-note".split()
_ODD = (
    "select option textarea title script style template noscript frameset body html head form iframe plaintext".split()
)

_tags = st.sampled_from([*_BLOCKS, *_BLOCKS, *_INLINE, *_INLINE, *_ODD]).flatmap(
    lambda name: st.sampled_from([f"<{name}>", f"</{name}>", f"<{name.upper()} class='a>b'>", f"<{name}/>"])
)
_words = st.sampled_from(
    "one “two 𝒳 é &amp; &amp &ldquo; &#8221; &nbsp; &NotEqualTilde; &#13; &#128; &notin &ampersand < & \ue000".split()
)
_blanks = st.sampled_from([" ", "\n", "\r\n", "\r", "\t", "\n\n", " \f "])
_others = st.sampled_from(
    ["<!-- c -->", "<!doctype html>", "<![CDATA[x]]>", "<?php ?>", "</>", "<p title='“x”'>", "<!--", "a <b>“c d</b> e”"]
)

fragments = st.lists(st.one_of(_tags, _tags, _tags, _words, _words, _blanks, _others), max_size=30).map("".join)
pages = fragments.map("<!doctype html><html><head><title>T</title></head><body>{}".format)


def spans_of(article: Article) -> list[Span]:
    """Each word of an article, runs of three, and all of it."""
    words = [Span(*match.span()) for match in re.finditer(r"\S+", article.text)]
    runs = [Span(one.start, other.end) for one, other in zip(words, words[2:], strict=False)]
    return [*words, *runs, Span(0, len(article.text))]
