"""Speakers without a name: “a doctor at the hospital”, “the letter”, “aid groups”, where an article mentions them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from quotes.cues import DOCUMENTS, GROUP_HEADS, ORGANISATION_HEADS, PERSON_NOUNS
from quotes.document import Span, SpeakerKind
from quotes.parsing import Parse, Sentence
from quotes.syntax import Tree

_INDEFINITE = frozenset({"a", "an", "one", "another"})
_DETERMINERS = _INDEFINITE | frozenset("the this that its his her their our my some several many two three".split())
# Words that no noun phrase runs over, for sentences without syntax.
_BREAKS = frozenset(
    "was were is are be been had has have did to of in on at by for and or but that who which said not".split()
)
_LONGEST = 5  # words from the article to the noun


@dataclass(frozen=True, slots=True)
class Described:
    """A mention by description: its words without the article are the name that its speaker gets."""

    span: Span
    head: str
    name: str
    kind: SpeakerKind
    sentence: int
    first: bool  # whether it opens its sentence, as subjects mostly do


def unnamed_people(text: str, parse: Parse, free: Callable[[Span], bool]) -> Iterator[Described]:
    """People introduced without a name, whom a later “she” or “the doctor” may mean; only spans that are `free`."""
    for number, sentence in enumerate(parse.sentences):
        for span, head in _phrases(sentence, PERSON_NOUNS, _INDEFINITE):
            if free(span):
                yield _described(text, span, head, number, sentence)


def things(text: str, parse: Parse, free: Callable[[Span], bool]) -> Iterator[Described]:
    """Documents, organisations and groups without a name, which “it” or “they” may mean; only spans that are `free`."""
    for number, sentence in enumerate(parse.sentences):
        for span, head in _phrases(sentence, DOCUMENTS | ORGANISATION_HEADS | GROUP_HEADS, _DETERMINERS):
            if free(span):
                yield _described(text, span, head, number, sentence)


def _described(text: str, span: Span, head: str, number: int, sentence: Sentence) -> Described:
    words = span.of(text)
    before = [w for w in sentence.words if w.end <= span.start and w.text[:1].isalnum()]
    return Described(span, head, without_article(words), kind_of_noun(head, words), number, len(before) <= 2)


def _phrases(sentence: Sentence, heads: frozenset[str], determiners: frozenset[str]) -> Iterator[tuple[Span, str]]:
    """Noun phrases from one of `determiners` to one of `heads`, by syntax where the sentence is parsed."""
    words = sentence.words
    tree = Tree(sentence) if sentence.parsed else None
    for position, word in enumerate(words):
        head = (word.lemma if tree and word.lemma.lower() in heads else word.text).lower()
        if head not in heads or word.text[0].isupper():
            continue
        if tree:
            if word.upos != "NOUN" or word.relation in ("compound", "appos"):
                continue
            span = tree.phrase(position)
            first = next((w.text.lower() for w in words if w.start == span.start), "")
            if first in determiners:
                yield span, head
        elif position + 1 < len(words) and words[position + 1].text.lower() in heads:
            continue  # “a police officer”
        else:
            for start in range(position - 1, max(-1, position - _LONGEST), -1):
                before = words[start].text.lower()
                if before in determiners:
                    yield Span(words[start].start, word.end), head
                if before in determiners or before in _BREAKS or not before[0].isalpha():
                    break


def without_article(words: str) -> str:
    """A description without its leading article, blanks single."""
    return re.sub(
        r"^(?:the|an?|one|another)\s+(?!of\b)", "", re.sub(r"\s+", " ", words).strip(" ,;:"), flags=re.IGNORECASE
    )


def kind_of_noun(head: str, words: str) -> SpeakerKind:
    """What sort of speaker a description is, by its head noun."""
    head = head.lower()
    if head in DOCUMENTS:
        return SpeakerKind.DOCUMENT
    if head in GROUP_HEADS:
        return SpeakerKind.GROUP
    if head in ORGANISATION_HEADS:
        return SpeakerKind.ORGANISATION
    return SpeakerKind.GROUP if head.endswith("s") and not head.endswith("ss") else SpeakerKind.UNNAMED
