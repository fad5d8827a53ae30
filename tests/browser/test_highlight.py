"""docs/highlight.js in a page of Chromium, with answers of the service's own making."""

import json

import pytest

from quotes import Analysis, Quotation, QuotationKind, Span, Speaker, SpeakerKind, Stance, StanceLabel
from quotes.document import Evidence
from quotes.exports import to_dict
from quotes.reading import from_html
from tests.conftest import ROOT

SCRIPT = ROOT / "docs" / "highlight.js"
STYLE = """
  body { font: 17px/1.5 serif; max-width: 46rem; margin: 2rem auto }
  mark { background: #e8e8e8 } mark.stance-support { background: #cdeccd } mark.stance-oppose { background: #f6cfcf }
  mark.stance-conditional { background: #fbe9b7 }
"""
PAGE = "<!doctype html><meta charset=utf-8><style>{}</style><h1>Head</h1><div class='entry-content' {}>{}</div>"


def spoken(html: str, *quoted: str) -> dict:
    """An analysis with these words as quotations of one speaker."""
    article = from_html(html)
    starts = [article.text.index(words) for words in quoted]
    speaker = Speaker("Ilva Daremont", SpeakerKind.PERSON, 0.9, Evidence(None, None, "", ""))
    stance = Stance(StanceLabel.OPPOSE, {StanceLabel.OPPOSE: 0.8, StanceLabel.NONE: 0.2})
    quotations = tuple(
        Quotation((Span(start, start + len(words)),), QuotationKind.FULL, speaker, stance)
        for start, words in zip(starts, quoted, strict=True)
    )
    return to_dict(Analysis(article, quotations))


def marked(page, analysis: dict) -> list[list[str]]:
    """Highlight what the page shows; the class, title and words of each mark."""
    page.add_script_tag(path=SCRIPT)
    page.evaluate("analysis => highlightQuotations(document.querySelector('.entry-content'), analysis)", analysis)
    return page.evaluate("[...document.querySelectorAll('mark')].map(m => [m.className, m.title, m.textContent])")


@pytest.mark.parametrize("name", ["aid_convoy", "press_release_quiet_days", "liveblog_storm"])
def test_quotations_are_marked_with_speaker_and_stance(page, pipeline, articles, name):
    html = (articles / f"{name}.html").read_text(encoding="utf-8")
    analysis = to_dict(pipeline.analyse(from_html(html)))
    page.set_content(PAGE.format(STYLE, "", html))
    before = page.evaluate("document.body.textContent")
    marks = marked(page, analysis)
    assert page.evaluate("document.body.textContent") == before
    quotations = [q for q in analysis["quotations"] if q["kind"] != "not_speech"]
    wanted = "".join(span["text"] for q in quotations for span in q["spans"])
    assert "".join("".join(words.split()) for *_, words in marks) == "".join(wanted.split())
    assert {kind for kind, *_ in marks} == {f"quotation stance-{q['stance']['label']}" for q in quotations}
    assert all(
        title.split(":")[0] in {q["speaker"]["name"] or "not named" for q in quotations} for _, title, _ in marks
    )


def test_a_quotation_over_several_elements_is_marked_piece_by_piece(page):
    html = "<p>She said “We <em>will not</em> go”, and left.<ul>\n<li>“One</li>\n<li>two”</li>\n</ul>"
    page.set_content(PAGE.format(STYLE, "", html))
    kind, title = "quotation stance-oppose", "Ilva Daremont: oppose (80 %)"
    analysis = spoken(html, "We will not go", "One\n\ntwo")
    assert marked(page, analysis) == [[kind, title, words] for words in ("We ", "will not", " go", "One", "two")]
    assert page.inner_html("ul").count("<mark") == page.inner_html("li >> nth=0").count("<mark") * 2


def test_of_nested_quotations_the_inner_one_is_on_top(page):
    html = "<p>“He told me ‘go away’ twice,” she said."
    page.set_content(PAGE.format(STYLE, "", html))
    analysis = spoken(html, "He told me ‘go away’ twice,", "go away")
    analysis["quotations"][1]["stance"]["label"] = "support"
    got = [[kind.split("-")[1], words] for kind, _, words in marked(page, analysis)]
    assert got == [["oppose", "He told me ‘"], ["support", "go away"], ["oppose", "’ twice,"]]


def test_words_are_found_again_in_a_page_that_has_changed(page):
    html = "<p>“Yes,” she said. “Yes, but later,” he said. He said: “Yes, but later.”"
    analysis = spoken(html, "Yes, but later")
    page.set_content(PAGE.format(STYLE, "", "<p>Advertisement</p><section>" + html + "</section>"))
    assert [words for *_, words in marked(page, analysis)] == ["Yes, but later"]
    assert page.evaluate("document.querySelector('mark').previousSibling.data.endsWith('she said. “')")
    page.set_content(PAGE.format(STYLE, "", "<p>Nothing of it"))
    assert marked(page, analysis) == []


def test_the_analysis_is_fetched_where_the_element_says(page):
    html = "<p>“We will not go,” she said."
    answer = json.dumps(spoken(html, "We will not go,"))
    body = (
        PAGE.format(STYLE, "data-quotes='/quotes/118'", html) + f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>"
    )
    base = "http://127.0.0.1:1"
    page.route(f"{base}/quotes/118", lambda route: route.fulfill(content_type="application/json", body=answer))
    page.route(f"{base}/post", lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto(f"{base}/post")
    page.wait_for_selector("mark")
    assert page.inner_text("mark") == "We will not go,"
    page.route(f"{base}/quotes/118", lambda route: route.fulfill(status=404, body="none"))
    with page.expect_console_message(lambda message: message.text == "quotes: 404"):
        page.goto(f"{base}/post")
    assert page.locator("mark").count() == 0
