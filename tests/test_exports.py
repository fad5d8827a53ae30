import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotes.document import (
    Analysis,
    Article,
    Diagnostic,
    Evidence,
    Quotation,
    QuotationKind,
    Reason,
    Span,
    Speaker,
    SpeakerKind,
    Stance,
    StanceLabel,
)
from quotes.exports import CSV_COLUMNS, to_csv, to_dict
from quotes.reading import from_html, from_text


def analysed(article: Article) -> Analysis:
    """An analysis that has everything an analysis can have."""

    def span(words: str) -> Span:
        start = article.text.index(words)
        return Span(start, start + len(words))

    evidence = Evidence(span("Ann Lee"), span("said"), "cue_subject", "“Ann Lee” is the subject of “said”.")
    shares = {StanceLabel.SUPPORT: 0.1, StanceLabel.OPPOSE: 0.7, StanceLabel.CONDITIONAL: 0.15, StanceLabel.NONE: 0.05}
    return Analysis(
        article,
        (
            Quotation(
                (span("No 𝒳 truce"), span("not now")),
                QuotationKind.FULL,
                Speaker("Ann Lee", SpeakerKind.PERSON, 0.9, evidence, identifier="desk-0101"),
                Stance(StanceLabel.OPPOSE, shares, (Reason(span("No"), 1.5), Reason(span("now"), -0.5)), True),
            ),
            Quotation(
                (span("later"),),
                QuotationKind.PARTIAL,
                Speaker(None, None, 0.2, Evidence(None, None, "none", "No speaker is near."), "nobody is named"),
            ),
            Quotation((span("Iron Lady"),), QuotationKind.NOT_SPEECH),
        ),
        (Diagnostic("unclosed_mark", "A mark is never closed.", span("“Iron")),),
        {"english": "abc", "stance": "def"},
    )


TEXT = "“No 𝒳 truce,” Ann Lee said, “not now.” It may come “later”. The “Iron Lady”"
HTML = "<p>“No 𝒳 <b>truce</b>,” Ann\nLee said, &ldquo;not now.&rdquo; It may come “later”. The “Iron Lady”"


@pytest.mark.parametrize("article", [from_text(TEXT, title="T", url="U", id="I"), from_html(HTML)])
def test_everything_is_exported_and_every_offset_leads_to_its_text(article):
    out = json.loads(json.dumps(to_dict(analysed(article)), allow_nan=False))
    html = article.source is not None
    assert out["article"] == {
        "id": article.id,
        "title": article.title,
        "url": article.url,
        "text": article.text if html else None,
        "body": None,
    }
    assert out["models"] == {"english": "abc", "stance": "def"}
    first, second, third = out["quotations"]
    assert (first["text"], first["kind"]) == ("No 𝒳 truce not now", "full")
    assert {k: v for k, v in first["speaker"].items() if k not in ("mention", "cue")} == {
        "name": "Ann Lee",
        "identifier": "desk-0101",
        "kind": "person",
        "confidence": 0.9,
        "unresolved": None,
        "rule": "cue_subject",
        "explanation": "“Ann Lee” is the subject of “said”.",
        "relayed_by": [],
    }
    assert first["speaker"]["mention"]["text"] == "Ann Lee"
    assert first["speaker"]["cue"]["text"] == "said"
    stance = first["stance"]
    assert (stance["label"], stance["probability"]) == ("oppose", 0.7)
    assert (stance["uncertain"], stance["runner_up"]) == (True, "conditional")
    assert sum(stance["probabilities"].values()) == pytest.approx(1)
    assert [(r["text"], r["weight"]) for r in stance["reasons"]] == [("No", 1.5), ("now", -0.5)]
    assert (second["speaker"]["name"], second["speaker"]["kind"], second["speaker"]["mention"]) == (None, None, None)
    assert (second["speaker"]["unresolved"], second["speaker"]["identifier"]) == ("nobody is named", None)
    assert (third["kind"], third["speaker"], third["stance"]) == ("not_speech", None, None)
    assert out["diagnostics"][0]["code"] == "unclosed_mark"

    assert first["spans"][0]["selectors"] == {
        "quote": {
            "type": "TextQuoteSelector",
            "exact": "No 𝒳 truce",
            "prefix": "“",
            "suffix": ",” Ann Lee said, “not now.” It may"[:32]
            if not html
            else ",” Ann\nLee said, “not now.” It ma"[:32],
        },
        "position": {"type": "TextPositionSelector", "start": 1, "end": 11},
        "range": {
            "start": {"path": "p[1]/text()[1]", "offset": 1, "utf16_offset": 1},
            "end": {"path": "p[1]/b[1]/text()[1]", "offset": 5, "utf16_offset": 5},
        }
        if html
        else None,
    }

    utf16 = article.text.encode("utf-16-le")
    passages = [*first["spans"], *second["spans"], first["speaker"]["mention"], *stance["reasons"], *out["diagnostics"]]
    for passage in passages:
        assert article.text[passage["start"] : passage["end"]] == passage["text"]
        assert utf16[2 * passage["utf16_start"] : 2 * passage["utf16_end"]].decode("utf-16-le") == passage["text"]
        if html:
            source = article.source[passage["source_start"] : passage["source_end"]]
            assert from_html(source).text.strip() == passage["text"]
        else:
            assert (passage["source_start"], passage["source_end"]) == (None, None)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.data())
def test_utf16_offsets_agree_with_the_encoding(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    analysis = Analysis(Article(text), (Quotation((Span(start, end),), QuotationKind.FULL),))
    span = to_dict(analysis)["quotations"][0]["spans"][0]
    assert span["utf16_start"] == len(text[:start].encode("utf-16-le")) // 2
    assert span["utf16_end"] == len(text[:end].encode("utf-16-le")) // 2


def read(chunks) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(chunks), newline="")))


def test_csv_has_a_row_a_quotation():
    analyses = [analysed(from_text(TEXT, id="I", title='a, "b"\nc')), analysed(from_html(HTML))]
    rows = read(to_csv(map(to_dict, analyses)))
    assert len(rows) == 6
    assert tuple(rows[0]) == CSV_COLUMNS
    assert rows[0] == {
        "article": "I",
        "title": 'a, "b"\nc',
        "url": "",
        "quotation": "No 𝒳 truce not now",
        "kind": "full",
        "start": "1",
        "end": "36",
        "speaker": "Ann Lee",
        "identifier": "desk-0101",
        "speaker_kind": "person",
        "confidence": "0.900",
        "unresolved": "",
        "mention": "Ann Lee",
        "rule": "cue_subject",
        "explanation": "“Ann Lee” is the subject of “said”.",
        "stance": "oppose",
        "probability": "0.700",
        "uncertain": "yes",
        "runner_up": "conditional",
    }
    assert (rows[1]["unresolved"], rows[1]["identifier"], rows[1]["stance"]) == ("nobody is named", "", "")
    assert (rows[2]["kind"], rows[2]["speaker"], rows[2]["rule"]) == ("not_speech", "", "")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "＝1"])
def test_csv_cells_cannot_be_formulas(cell):
    article = from_text(cell + " “x”", id=cell, title=cell)
    analysis = Analysis(article, (Quotation((Span(0, len(cell)),), QuotationKind.PARTIAL),))
    rows = read(to_csv([to_dict(analysis)]))
    assert (rows[0]["article"], rows[0]["title"], rows[0]["quotation"]) == ("'" + cell,) * 3
