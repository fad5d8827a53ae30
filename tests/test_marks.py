"""Quotations by their marks: what is found, what is not, and that no text can break it."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quotes.document import QuotationKind, Span
from quotes.marks import find_quotations, paragraphs


def found(text: str) -> list[list[str]]:
    return [[span.of(text) for span in quotation.spans] for quotation in find_quotations(text)[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“We left,” she said.", [["We left,"]]),
        ('"We left," she said. "At dawn."', [["We left,"], ["At dawn."]]),
        ("« Nous partons », a-t-elle dit.", [["Nous partons"]]),
        ("„Wir gehen“, sagte sie. »Ja«, und „nein”.", [["Wir gehen"], ["Ja"], ["nein"]]),
        ("``We left,'' she said. ''At dawn.''", [["We left,"], ["At dawn."]]),
        ("‘We left,’ she said. ‘It’s the sailors’ pay.’", [["We left,"], ["It’s the sailors’ pay."]]),
        ("'We left,' she said, 'and won't be back.'", [["We left,", "and won't be back."]]),
        ("The ’90s and the '60s; rock ’n’ roll; the miners’ pay.", []),
        ('A 6\'2" door and a 12" rule.', []),
        ("He said “she told me ‘never’ and left”.", [["she told me ‘never’ and left"]]),
        ("‘He wrote “no” twice,’ she said.", [["He wrote “no” twice,"]]),
        ("He called it “absurd” and “cruel”.", [["absurd"], ["cruel"]]),
        ("“” and “ ” are empty.", []),
    ],
)
def test_marks_of_every_style(text, expected):
    assert found(text) == expected


def test_interrupted_quotation_is_one_of_two_spans():
    assert found("“We tried,” she said on Monday, “and failed.”") == [["We tried,", "and failed."]]


def test_new_sentence_after_the_reporter_is_a_new_quotation():
    assert found("“We tried,” she said. “We failed.”") == [["We tried,"], ["We failed."]]


def test_quotation_reopens_at_each_paragraph_until_it_closes():
    text = "She said: “One.\n\n“Two.\n\n“Three.” Then she left."
    assert found(text) == [["One.", "Two.", "Three."]]
    assert find_quotations(text)[1] == ()


def test_unclosed_mark_is_a_diagnostic_and_still_a_quotation():
    text = "She said: “One and no end.\n\nAnother paragraph."
    assert found(text) == [["One and no end."]]
    (odd,) = find_quotations(text)[1]
    assert odd.code == "unclosed_mark"
    assert odd.span.of(text) == "“"


def test_a_forgotten_closing_mark_does_not_swallow_the_next_quotation():
    assert found("“We left, she said. “At dawn,” he said.") == [["We left, she said."], ["At dawn,"]]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("“We have left the town,” she said.", QuotationKind.FULL),
        ("She called it “a disgrace”.", QuotationKind.PARTIAL),
        ("She said that “the town has been left” by all.", QuotationKind.PARTIAL),
        ("“Yes,” she said.", QuotationKind.FULL),
    ],
)
def test_kind_by_form(text, kind):
    (quotation,) = find_quotations(text)[0]
    assert quotation.kind is kind


def test_hard_wrapped_lines_are_one_paragraph():
    text = "She said: “We have\nleft the town,” and went.\nA new paragraph."
    assert [p.of(text) for p in paragraphs(text)] == [
        "She said: “We have\nleft the town,” and went.",
        "A new paragraph.",
    ]
    assert found(text) == [["We have\nleft the town,"]]


anything = st.text(alphabet=st.sampled_from("ab S.,!?’'‘“”\"„«»`-—\n\r\u00a0\u0301\U0001f600é5:("), max_size=120)


@given(anything)
@example("“" * 50)
@example("'" * 50)
@example('"' * 51)
def test_any_text_gives_spans_inside_it_in_order_without_overlap(text):
    quotations, odd = find_quotations(text)
    spans = [span for quotation in quotations for span in quotation.spans]
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        assert span.of(text) == span.of(text).strip()
    for first, second in pairwise(spans):
        assert first.end <= second.start
    for diagnostic in odd:
        assert diagnostic.span.end <= len(text)


@given(anything)
def test_no_break_spaces_and_carriage_returns_change_nothing(text):
    text = text.replace("\r", "")
    plain = found(text)
    assert [[s.replace("\u00a0", " ") for s in q] for q in found(text.replace(" ", "\u00a0"))] == [
        [s.replace("\u00a0", " ") for s in q] for q in plain
    ]
    assert [[s.replace("\r\n", "\n") for s in q] for q in found(text.replace("\n", "\r\n"))] == plain


def test_a_block_quotation_without_marks_is_a_quotation_of_its_paragraphs():
    text = "The mayor wrote:\n\nThe guns must stop.\n\nNobody wants a winter like this.\n\n― Ilva Daremont\n\nNo reply came."
    block = Span(text.index("The guns"), text.index("\n\nNo reply"))
    (quotation,), odd = find_quotations(text, [block])
    assert [span.of(text) for span in quotation.spans] == ["The guns must stop.", "Nobody wants a winter like this."]
    assert quotation.kind is QuotationKind.FULL
    assert not odd


def test_a_block_quotation_with_marks_is_what_its_marks_say():
    text = "She wrote:\n\n“We left,” he told me, “at dawn.”\n\n“Go,” said Orrin."
    block = Span(text.index("“We left"), text.index("\n\n“Go"))
    assert find_quotations(text, [block]) == find_quotations(text)


@given(st.text(), st.data())
def test_block_quotations_never_overlap_others(text, data):
    edges = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    blocks = [Span(*pair) for pair in zip(edges[::2], edges[1::2], strict=False)]
    quotations, _ = find_quotations(text, blocks)
    spans = [span for quotation in quotations for span in quotation.spans]
    assert all(before.end <= after.start for before, after in pairwise(spans))
