"""What holds for any text at all: nothing raises, every offset leads to its words, and how blanks, line ends and accents
are written changes nothing."""

import re
import unicodedata
from itertools import combinations, pairwise

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from quotes import Analysis, Article, Quotation, Span, reading
from quotes.marks import find_quotations
from quotes.uniform import uniform

MARKS = "“ ” „ ‟ « » \" ＂ ″ 〝 〞 `` '' ‘ ’ ‚ ‛ ‹ › ' ` ´ ʼ".split()
WORDS = """we left the town it’s rock’n’roll miners’ café naïve élan Ça Zálya 1990s ’90s 6'2" a £5 e\u0301 o\u0302\u0323 क़
    각 \U0001f600 x\u0302 ﬁn""".split()
CUES = "she said|said|he added,|according to|the statement read:|— |MODERATOR:|was quoted as saying".split("|")
NAMES = ["Ilva Daremont", "Mr. Orrin", "Tomás Orrin", "Ž. Velkamp", "the Harbour Workers’ League (HWL)", "the minister"]
ENDS = ["\n", "\n\n", ",", ".", "?", "!", "…", "—", " ", " ", "\t", "\u00a0", "\u2009", "\r", "\u2028", "\x85"]

pieces = st.sampled_from([*MARKS, *MARKS, *WORDS, *CUES, *NAMES, *ENDS])
assembled = st.lists(pieces, max_size=24).map("".join) | st.lists(pieces, max_size=24).map(" ".join)
# A reporter's sentence around quoted words, and an alphabet of little but marks and accents: where spelling matters most.
pairs = st.sampled_from(["“”", "‘’", "«»", "„“", '""', "''"])
quoted = st.builds(
    lambda pair, words, end: f"{pair[0]}{' '.join(words)}{end}{pair[1]}",
    pairs,
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=8),
    st.sampled_from([",", ".", "?", "", " "]),
)
reported = st.lists(quoted | st.sampled_from([*CUES, *NAMES, *ENDS]), max_size=8).map(" ".join)
interrupted = st.builds(lambda *parts: "{} {} {}, {}".format(*parts), quoted, st.sampled_from(NAMES), pieces, quoted)
edges = st.text("éÉas\"'“”‘’—,. \n", max_size=30)
texts = st.text() | assembled | reported | interrupted | edges
# Articles in miniature, for the whole pipeline: a sentence costs it some milliseconds.
SENTENCES = [
    "“We left at dawn,” said Ilva Daremont.",
    "“We left,” Ilva Daremont, a café owner, said on Monday, “and we will not go back.”",
    "Tomás Orrin called it “naïve”.",
    "‘It’s the sailors’ pay,’ he said.",
    "The league’s letter calls for “an end to the shelling”.",
    'MODERATOR: "Who counted the votes?"',
    "―\u00a0Nadia Velkamp",
    "“This goes on",
    "«\u00a0Nous partons\u00a0»",
    "Mr.\u00a0Orrin left.",
]
gaps = st.sampled_from([" ", "\n", "\n\n", "\u00a0", ""])
miniatures = st.lists(st.tuples(st.sampled_from(SENTENCES) | pieces, gaps), min_size=1, max_size=6).map(
    lambda parts: "".join(sentence + gap for sentence, gap in parts)
)


def with_line_feeds(text: str) -> str:
    return re.sub(r"\r+\n", "\n", text)


def plain(words: str) -> str:
    """Words without what may be written in several ways."""
    return unicodedata.normalize("NFC", words.replace("\r\n", "\n").replace("\u00a0", " "))


def spans(text: str) -> list[list[Span]]:
    return [list(quotation.spans) for quotation in find_quotations(text)[0]]


def words(text: str) -> list[list[str]]:
    return [[plain(span.of(text)) for span in group] for group in spans(text)]


# Each takes a text to one that reads the same.
RESPELLINGS = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "combining characters": lambda text: unicodedata.normalize("NFD", text),
}


# --- one spelling, and the way back ---


@given(texts)
def test_every_code_point_of_the_uniform_text_has_its_place_in_the_original(text):
    spelt = uniform(text)
    places = [spelt.original(Span(i, i + 1)) for i in range(len(spelt.text))]
    assert all(0 <= place.start < place.end <= len(text) for place in places)
    assert all(a.start <= b.start and a.end <= b.end for a, b in pairwise(places))
    assert {i for place in places for i in range(place.start, place.end)} == set(range(len(text)))
    assert spelt.original(Span(len(spelt.text), len(spelt.text))) == Span(len(text), len(text))


@given(texts, st.data())
def test_a_stretch_of_the_uniform_text_is_the_same_words_in_the_original(text, data):
    spelt = uniform(text)
    start = data.draw(st.integers(0, len(spelt.text)))
    end = data.draw(st.integers(start, len(spelt.text)))
    there = spelt.original(Span(start, end)).of(text)
    assert spelt.text[start:end] in uniform(there).text


# --- quotations by their marks ---


@given(texts, st.data())
def test_a_stretch_of_the_original_is_found_in_the_uniform_text(text, data):
    spelt = uniform(text)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    there = spelt.respelt(Span(start, end))
    assert start == end or spelt.original(there).contains(Span(start, end))
    assert len(there) <= max(1, end - start) or not text[start:end].isascii()


@given(texts)
@example("“" * 50)
@example("'" * 51)
@example("”e\u0301“")
def test_any_text_has_its_quotations_inside_it(text):
    quotations, odd = find_quotations(text)
    for quotation in quotations:
        assert quotation.spans
        assert all(0 <= span.start < span.end <= len(text) for span in quotation.spans)
        assert quotation.text(Article(text)) == " ".join(text[span.start : span.end] for span in quotation.spans)
        assert list(quotation.spans) == sorted(quotation.spans)
    assert all(0 <= diagnostic.span.start < diagnostic.span.end <= len(text) for diagnostic in odd)
    for one, other in combinations([span for quotation in quotations for span in quotation.spans], 2):
        assert not one.overlaps(other) or one.contains(other) or other.contains(one)


@pytest.mark.parametrize("how", RESPELLINGS)
@settings(max_examples=300)
@given(text=texts)
def test_spelling_changes_no_quotation(how, text):
    text = with_line_feeds(unicodedata.normalize("NFC", text))
    respelt = RESPELLINGS[how](text)
    assert words(respelt) == words(text)
    assert [q.kind for q in find_quotations(respelt)[0]] == [q.kind for q in find_quotations(text)[0]]
    assert [d.code for d in find_quotations(respelt)[1]] == [d.code for d in find_quotations(text)[1]]


# --- the whole pipeline ---


def speakers(quotations: tuple[Quotation, ...]) -> list[tuple[str | None, ...] | None]:
    return [q.speaker and (q.speaker.name, q.speaker.kind, q.speaker.unresolved) for q in quotations]


def analysed(pipeline, text: str) -> Analysis:
    return pipeline.analyse(reading.from_text(text))


def assert_inside(analysis: Analysis) -> None:
    """Every offset leads into the article."""
    size = len(analysis.article.text)
    places = [diagnostic.span for diagnostic in analysis.diagnostics]
    for quotation in analysis.quotations:
        places += quotation.spans
        if quotation.speaker is not None:
            evidence = quotation.speaker.evidence
            places += [span for span in (evidence.mention, evidence.cue) if span is not None]
        if quotation.stance is not None:
            places += [reason.span for reason in quotation.stance.reasons]
    assert all(0 <= place.start < place.end <= size for place in places)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=miniatures)
def test_any_article_is_analysed_alike_however_it_is_spelt(pipeline, text):
    text = with_line_feeds(unicodedata.normalize("NFC", text))
    assume(text.strip())
    analysis = analysed(pipeline, text)
    assert_inside(analysis)
    for respell in RESPELLINGS.values():
        other = analysed(pipeline, respell(text))
        assert_inside(other)
        assert [plain(q.text(other.article)) for q in other.quotations] == [
            plain(q.text(analysis.article)) for q in analysis.quotations
        ]
        assert speakers(other.quotations) == speakers(analysis.quotations)


@pytest.mark.parametrize("how", RESPELLINGS)
@pytest.mark.parametrize("name", ["ceasefire_vote", "harbour_interview", "border_truce_british"])
def test_an_article_has_the_same_speakers_however_it_is_spelt(pipeline, articles, name, how):
    """The interview's paragraphs and interruptions, and the British single marks, are where blanks once mattered."""
    text = (articles / f"{name}.txt").read_text(encoding="utf-8")
    # an accent in every name and a few words, so that there is something to decompose
    text = text.replace("Daremont", "Darémont").replace("Kirby", "Kirbý").replace("the ", "thé ", 3)
    wanted = analysed(pipeline, text)
    found = analysed(pipeline, RESPELLINGS[how](text))
    assert found.article.text != text
    assert wanted.quotations
    assert speakers(found.quotations) == speakers(wanted.quotations)
    assert [q.stance and q.stance.probabilities for q in found.quotations] == [
        q.stance and q.stance.probabilities for q in wanted.quotations
    ]
    assert_inside(found)
