"""Reads the words around a quotation with a small transformer and says which of its candidates speaks, or that nobody does;
and whom the pronoun that stands for the speaker means, or that none of those in view is meant.

MiniLM, fine-tuned by models/attribution. It sees what features of syntax do not: what the sentences mean. Its input is the
article's words about the quotation as word pieces, long quotations cut in the middle; beside each piece it is told whether that
is the reporter's, quoted here or elsewhere, part of a candidate's mention, or the pronoun asked about. Each mention is then
scored by its states and the quotation's, against the score of nobody.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from quotes.document import Quotation, Span
from quotes.parsing import Parse
from quotes.transformer import END, HIDDEN, START, Encoder, WordPieces, load_weights, packed_network

# Pieces read before the quotation and after it. They hold the speaker's mention of 98.8 % of the quotations of PolNeAR train, and
# one that keeps the person meant in view for 94 % of the pronouns; what is farther off is known to be there and not read.
BEFORE, AFTER = 40, 25
ANTECEDENT_BEFORE = 80
LAYERS = 3  # of MiniLM’s six; with four, and more words, 0.3 % more mentions were right, for twice the work
SENTENCES_BEFORE, SENTENCES_AFTER = 9, 4  # enough to fill these
# Words kept at the beginning and end of the quotation asked about, and of the others.
OWN_WORDS, OTHER_WORDS = (14, 8), (5, 4)
LONGEST_QUOTATION = 70  # pieces from its first to its last, the reporter's words between its parts with them
MENTION = 12  # pieces of a mention that are read
_REPORTER, _OWN, _OTHER, _CANDIDATE, _PRONOUN = range(5)
_KINDS = 5
_PARAGRAPH = END  # stands between paragraphs too
_GAP = 1012  # the full stop in the tokeniser's vocabulary, three times: words left out


@dataclass(frozen=True, slots=True)
class Question:
    """A quotation as the network reads it: ids of word pieces, the kind of each, and the places of each candidate's mention."""

    ids: list[int]
    kinds: list[int]
    mentions: list[list[int]]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def own(self) -> list[int]:
        """The places of the quotation asked about."""
        return [place for place, kind in enumerate(self.kinds) if kind == _OWN]


@dataclass(frozen=True, slots=True)
class _Token:
    ids: list[int]
    kind: int
    start: int  # -1 for what is not the article's
    quoted: int | None = None  # which of the article's quoted spans it stands in


class Questions:
    """Asks about the quotations of one article."""

    def __init__(self, quotations: Sequence[Quotation], parse: Parse, pieces: WordPieces) -> None:
        self._parse = parse
        self._pieces = pieces
        self._spans = sorted(span for quotation in quotations for span in quotation.spans)
        self._starts = [span.start for span in self._spans]

    def speaker(self, words: Sequence[Span], mentions: Sequence[Span]) -> Question:
        """The question who says the words at these spans, those of a quotation: one of those at `mentions`, or nobody."""
        return self._question(words, mentions, None, BEFORE)

    def antecedent(self, words: Sequence[Span], pronoun: Span, mentions: Sequence[Span]) -> Question:
        """The question whom a pronoun means that stands for who says the words: one of those whom `mentions` keep in view, or
        none of them."""
        return self._question(words, mentions, pronoun, ANTECEDENT_BEFORE)

    def _question(self, words: Sequence[Span], mentions: Sequence[Span], pronoun: Span | None, before: int) -> Question:
        tokens = list(_shortened(list(self._tokens(words, mentions, pronoun))))
        pieces = [(piece, token.kind, token.start) for token in tokens for piece in token.ids]
        own = [place for place, (_, kind, _) in enumerate(pieces) if kind == _OWN] or [0]
        end = min(own[-1], own[0] + LONGEST_QUOTATION) + 1
        kept = pieces[max(0, own[0] - before) : end + AFTER]
        places = [
            [place for place, (_, _, start) in enumerate(kept, 1) if mention.start <= start < mention.end][:MENTION]
            for mention in mentions
        ]
        return Question([START, *(piece for piece, _, _ in kept), END], [0, *(kind for _, kind, _ in kept), 0], places)

    def _tokens(self, words: Sequence[Span], mentions: Sequence[Span], pronoun: Span | None) -> Iterator[_Token]:
        sentences = self._parse.sentences
        first = self._parse.sentence_number(words[0].start)
        last = self._parse.sentence_number(words[-1].end)
        begin = max(0, first - SENTENCES_BEFORE)
        for number in range(begin, min(len(sentences), last + SENTENCES_AFTER + 1)):
            if number > begin and sentences[number].paragraph != sentences[number - 1].paragraph:
                yield _Token([_PARAGRAPH], _REPORTER, -1)
            for word in sentences[number].words:
                ids = self._pieces.of(word.text)
                if any(span.start <= word.start < span.end for span in words):
                    yield _Token(ids, _OWN, word.start, -1)
                elif (quoted := self._quoted(word.start)) is not None:
                    yield _Token(ids, _OTHER, word.start, quoted)
                elif pronoun is not None and pronoun.start <= word.start < pronoun.end:
                    yield _Token(ids, _PRONOUN, word.start)
                elif any(mention.start <= word.start < mention.end for mention in mentions):
                    yield _Token(ids, _CANDIDATE, word.start)
                else:
                    yield _Token(ids, _REPORTER, word.start)

    def _quoted(self, place: int) -> int | None:
        """Which of the quoted spans holds a place; of two of which one is inside the other, the later to begin."""
        number = bisect_right(self._starts, place) - 1
        return number if number >= 0 and place < self._spans[number].end else None


def _shortened(tokens: Sequence[_Token]) -> Iterator[_Token]:
    """The tokens, without the middle of what is quoted."""
    start = 0
    while start < len(tokens):
        end = start + 1
        while end < len(tokens) and tokens[end].quoted is not None and tokens[end].quoted == tokens[start].quoted:
            end += 1
        run = tokens[start:end]
        head, tail = OWN_WORDS if run[0].kind == _OWN else OTHER_WORDS
        if len(run) > head + tail + 1:
            yield from run[:head]
            yield _Token([_GAP] * 3, run[0].kind, -1)
            yield from run[-tail:]
        else:
            yield from run
        start = end


class SpeakerNetwork(Encoder):
    """MiniLM with a score for each mention and one for nobody."""

    def __init__(self) -> None:
        super().__init__(_KINDS, LAYERS)
        self.mention, self.mention_score = nn.Linear(4 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)
        self.nobody, self.nobody_score = nn.Linear(2 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)
        self.absent = nn.Parameter(torch.zeros(HIDDEN))  # stands for a mention too far away to be read

    def forward(self, questions: Sequence[Question]) -> list[Tensor]:
        """For each question the log-odds of each of its mentions against nobody, of shape (mentions,)."""
        found = []
        for states, question in zip(self.read(questions, _looked_at(questions)), questions, strict=True):
            quoted = states[question.own] if question.own else states.new_zeros(1, HIDDEN)
            around = torch.cat([quoted.mean(dim=0), states[0]])
            nobody = self.nobody_score(torch.tanh(self.nobody(self.dropout(around))))
            rows = []
            for places in question.mentions:
                seen = states[places] if places else self.absent.to(states.dtype).unsqueeze(0)
                rows.append(torch.cat([seen.mean(dim=0), seen[-1], around]))
            if rows:
                scores = self.mention_score(torch.tanh(self.mention(self.dropout(torch.stack(rows)))))[:, 0]
                found.append(scores - nobody)
            else:
                found.append(nobody[:0])
        return found


def _looked_at(questions: Sequence[Question]) -> Tensor:
    """The pieces whose states are scored, counted through all questions."""
    start, chosen = 0, []
    for question in questions:
        places = {0, *question.own, *(place for found in question.mentions for place in found)}
        chosen += [start + place for place in sorted(places)]
        start += len(question)
    return torch.tensor(chosen)


class SpeakerEncoder:
    """The tokeniser and the network."""

    def __init__(self, pieces: WordPieces, weights: dict[str, Tensor]) -> None:
        """`weights` as `packed` made them. Raises ArtefactAltered where they are not those of such a network."""
        with torch.device("meta"):
            network = SpeakerNetwork()
        self._network = packed_network(network, weights)
        self.weights = weights
        self.pieces = pieces

    @classmethod
    def load(cls, folder: Path) -> "SpeakerEncoder":
        """Load the encoder of a folder whose files have been checked. Raises ArtefactAltered for other weights."""
        return cls(WordPieces.load(folder), load_weights(folder))

    def odds(self, question: Question) -> list[float]:
        """The log-odds that each mention is the speaker's, against nobody."""
        with torch.inference_mode():
            (scores,) = self._network([question])
        odds: list[float] = scores.double().tolist()
        return odds
