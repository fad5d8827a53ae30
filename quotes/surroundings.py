"""What of an article the speakers of its quotations are looked for in: syntax and the words of the reporter."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from quotes.document import Quotation, Span
from quotes.parsing import Entity, Parse
from quotes.syntax import Tree

_BELONGS = re.compile(r"\b(?:of|for|from|at|in|to|with)\b|['’]")


class Surroundings:
    """The sentences around an article's quotations."""

    def __init__(self, text: str, quotations: Sequence[Quotation], parse: Parse) -> None:
        self.text = text
        self.parse = parse
        self.spans = sorted(span for q in quotations for span in q.spans)
        self._trees: dict[int, Tree] = {}
        self._reporter: dict[int, list[int]] = {}

    def tree(self, number: int) -> Tree:
        """The syntax of a sentence."""
        if number not in self._trees:
            self._trees[number] = Tree(self.parse.sentences[number])
        return self._trees[number]

    def reporter(self, number: int) -> list[int]:
        """Positions of the words of a sentence that stand in no quotation."""
        if number not in self._reporter:
            sentence = self.parse.sentences[number]
            inside = self.quoted_in(Span(sentence.start, sentence.end))
            self._reporter[number] = [
                i
                for i, w in enumerate(sentence.words)
                if any(c.isalnum() for c in w.text) and not any(s.start <= w.start < s.end for s in inside)
            ]
        return self._reporter[number]

    def quoted_in(self, span: Span) -> list[Span]:
        """Spans of quotations that share a character with `span`."""
        first = max(0, bisect_right(self.spans, Span(span.start, span.start)) - 1)
        last = bisect_left(self.spans, Span(span.end, span.end))
        return [s for s in self.spans[first:last] if s.overlaps(span)]

    def around(self, quotation: Quotation) -> list[int]:
        """Parsed sentences that hold an edge of the quotation and words of the reporter."""
        numbers = sorted({n for span in quotation.spans for n in self.parse.sentences_in(span)})
        return [n for n in numbers if self.parse.sentences[n].parsed and self.reporter(n)]

    def before(self, quotation: Quotation) -> int | None:
        """The last sentence that ends before the quotation begins."""
        number = self.parse.sentence_number(quotation.start)
        while number >= 0 and self.parse.sentences and self.parse.sentences[number].end > quotation.start:
            number -= 1
        return number if number >= 0 and self.parse.sentences else None

    def after(self, quotation: Quotation) -> int | None:
        """The first sentence that begins after the quotation ends."""
        number = self.parse.sentence_number(quotation.end)
        while number < len(self.parse.sentences) and self.parse.sentences[number].start < quotation.end:
            number += 1
        return number if number < len(self.parse.sentences) else None

    def names(self, span: Span) -> list[Entity]:
        """The names of people and groups that share a character with `span`."""
        return [e for e in self.parse.entities_in(span) if e.type in ("PERSON", "ORG", "NORP")]

    def name_in(self, phrase: Span, head: int) -> Span | None:
        """The name that the phrase is about: “spokesman John Kirby” is about the name, “Kirby's spokesman” is not."""
        for entity in self.names(phrase):
            if entity.type != "NORP":
                if entity.span.start <= head < entity.span.end:
                    return entity.span
                follows = entity.span.start >= head and not _BELONGS.search(self.text, head, entity.span.start)
                if entity.type == "PERSON" and follows:
                    return entity.span
        return None

    def name_after(self, tree: Tree, head: int) -> Span | None:
        """The person's name that a title runs into where the parser cut them apart: “spokesman John Kirby”."""
        for word in tree.words[head + 1 : head + 6]:
            for entity in self.parse.entities_in(Span(word.start, word.end)):
                if entity.type == "PERSON":
                    return entity.span
            if word.upos not in ("PROPN", "NOUN", "ADJ"):
                break
        return None
