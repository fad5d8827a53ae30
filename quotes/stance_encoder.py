"""Reads a quotation in its context with a small transformer: MiniLM, fine-tuned by models/stance on the labelled quotations.

Its input is the tokens of quotes.stance_features, names hidden, as word pieces. Beside each piece it is told whether the piece
is quoted, and whether it belongs to an expression of stopping the fighting, of going on with it, or of fighting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quotes.stance_features import NAME, NUMBER, Token, expressions
from quotes.transformer import END, HIDDEN, START, Encoder, WordPieces, load_weights, packed_network

AT_ONCE = 16  # questions read together: enough to keep the processor busy, few enough to stay in its cache
LONGEST = 160  # pieces; 1 in 100 news contexts is longer

_MARK = 1000  # the quotation mark in the tokeniser's vocabulary
_PLACEHOLDERS = {NAME: 1, NUMBER: 2}  # pieces that the tokeniser never makes
_EXPRESSIONS = ("", "STOP", "ON", "FIGHT")
_LAYERS = 4  # of MiniLM's six: see models/stance/README.md
_KINDS = 2 * len(_EXPRESSIONS)  # twice the expression, and one more inside the quotation


@dataclass(frozen=True, slots=True)
class Pieces:
    """A question as the network reads it: ids of word pieces, the kind of each, and the token it came from (-1 for none)."""

    ids: list[int]
    kinds: list[int]
    tokens: list[int]

    def __len__(self) -> int:
        return len(self.ids)


class PieceReader:
    """Turns tokens into word pieces."""

    def __init__(self, pieces: WordPieces) -> None:
        self.words = pieces

    def read(self, tokens: Sequence[Token]) -> Pieces:
        """A question's tokens as pieces; where they are too many, those farthest from the quotation are left out."""
        ids: list[int] = []
        kinds: list[int] = []
        places: list[int] = []
        before = False
        for number, (token, expression) in enumerate(zip(tokens, expressions(tokens), strict=True)):
            if token.quoted != before:
                ids.append(_MARK)
                kinds.append(1)
                places.append(-1)
                before = token.quoted
            found = self._pieces_of(token.word)
            ids += found
            kinds += [2 * _EXPRESSIONS.index(expression) + token.quoted] * len(found)
            places += [number] * len(found)
        kept = _kept(kinds)
        return Pieces(
            [START, *(ids[i] for i in kept), END],
            [0, *(kinds[i] for i in kept), 0],
            [-1, *(places[i] for i in kept), -1],
        )

    def _pieces_of(self, word: str) -> list[int]:
        return [_PLACEHOLDERS[word]] if word in _PLACEHOLDERS else self.words.of(word)


class Network(Encoder):
    """MiniLM read at its first piece, over the quotation and over everything; then the labels."""

    def __init__(self, labels: int) -> None:
        super().__init__(_KINDS, _LAYERS)
        self.reading, self.labels = nn.Linear(3 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, labels)

    def forward(self, questions: Sequence[Pieces]) -> Tensor:
        """Logits of shape (questions, labels)."""
        logits = []
        for states, question in zip(self.read(questions), questions, strict=True):
            quoted = [place for place, kind in enumerate(question.kinds) if kind % 2]
            inside = states[quoted].mean(dim=0) if quoted else states.new_zeros(HIDDEN)
            read = torch.cat([states[0], inside, states.mean(dim=0)])
            logits.append(self.labels(self.dropout(torch.tanh(self.reading(self.dropout(read))))))
        return torch.stack(logits)


class StanceEncoder:
    """The tokeniser and the network."""

    def __init__(self, pieces: WordPieces, weights: dict[str, Tensor]) -> None:
        """`weights` as `packed` made them. Raises ArtefactAltered where they are not those of such a network."""
        with torch.device("meta"):
            network = Network(len(weights["labels.bias"]) if "labels.bias" in weights else 0)
        self._network = packed_network(network, weights)
        self.weights = weights
        self.reader = PieceReader(pieces)

    @classmethod
    def load(cls, folder: Path) -> "StanceEncoder":
        """Load the encoder of a folder whose files have been checked. Raises ArtefactAltered for other weights."""
        return cls(WordPieces.load(folder), load_weights(folder))

    def probabilities(self, questions: Sequence[Pieces]) -> NDArray[np.float64]:
        """The probability of each label, of shape (questions, labels); to the last digit that which each would get alone."""
        result = np.zeros((len(questions), self._network.labels.out_features))
        with torch.inference_mode():
            for start in range(0, len(questions), AT_ONCE):
                logits = self._network(questions[start : start + AT_ONCE])
                result[start : start + AT_ONCE] = logits.double().softmax(dim=1).numpy()
        return result


def _kept(kinds: Sequence[int]) -> list[int]:
    """The positions that are read: all, or the quotation with what surrounds it; of a long quotation its beginning and end."""
    everything = list(range(len(kinds)))
    if len(kinds) <= LONGEST:
        return everything
    quoted = [i for i in everything if kinds[i] % 2] or everything
    first, last = quoted[0], quoted[-1] + 1
    if last - first >= LONGEST:
        return everything[first : first + LONGEST // 2] + everything[last - LONGEST // 2 : last]
    room = LONGEST - (last - first)
    start = max(0, min(first - room // 2, len(kinds) - LONGEST))
    return everything[start : start + LONGEST]
