"""Reads a quotation in its context with a small transformer: MiniLM, fine-tuned by models/stance on the labelled quotations.

Its input is the tokens of quotes.stance_features, names hidden, as word pieces. Beside each piece it is told whether the piece
is quoted, and whether it belongs to an expression of stopping the fighting, of going on with it, or of fighting. The network is
a BERT encoder in plain torch: sentence-transformers would bring ten times the code for the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from quotes.errors import ArtefactAltered
from quotes.stance_features import NAME, NUMBER, Token, expressions

WEIGHTS = "encoder.safetensors"
PIECES = "pieces.json"  # the tokeniser of all-MiniLM-L6-v2
LONGEST = 160  # pieces; 1 in 100 news contexts is longer
REMEMBERED = 50_000  # words

_HIDDEN, _HEADS, _INNER, _LAYERS, _PIECES, _PLACES = 384, 12, 1536, 6, 30522, 512
_PAD, _START, _END, _MARK = (
    0,
    101,
    102,
    1000,
)  # [PAD], [CLS], [SEP] and the quotation mark in the tokeniser's vocabulary
_PLACEHOLDERS = {NAME: 1, NUMBER: 2}  # pieces that the tokeniser never makes
_EXPRESSIONS = ("", "STOP", "ON", "FIGHT")
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
    """Turns tokens into word pieces; remembers those of words that it has seen."""

    def __init__(self, tokeniser: Tokenizer) -> None:
        tokeniser.no_padding()
        tokeniser.no_truncation()
        self._tokeniser = tokeniser
        self._ids: dict[str, list[int]] = {}

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
            [_START, *(ids[i] for i in kept), _END],
            [0, *(kinds[i] for i in kept), 0],
            [-1, *(places[i] for i in kept), -1],
        )

    def _pieces_of(self, word: str) -> list[int]:
        if word in _PLACEHOLDERS:
            return [_PLACEHOLDERS[word]]
        if word not in self._ids:
            if len(self._ids) > REMEMBERED:
                self._ids.clear()
            self._ids[word] = self._tokeniser.encode(word, add_special_tokens=False).ids
        return self._ids[word]


class Layer(nn.Module):
    """A layer of BERT: attention, then two linear maps, each added to its input and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.joined = (nn.Linear(_HIDDEN, _HIDDEN) for _ in range(4))
        self.inner, self.outer = nn.Linear(_HIDDEN, _INNER), nn.Linear(_INNER, _HIDDEN)
        self.attention_norm, self.norm = nn.LayerNorm(_HIDDEN, eps=1e-12), nn.LayerNorm(_HIDDEN, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """States of shape (questions, pieces, hidden); `mask` is true where there is a piece."""

        def heads(map_: nn.Module) -> Tensor:
            split: Tensor = map_(states).unflatten(-1, (_HEADS, -1)).transpose(1, 2)
            return split

        seen = functional.scaled_dot_product_attention(
            heads(self.query),
            heads(self.key),
            heads(self.value),
            attn_mask=mask[:, None, None, :],
            dropout_p=self.dropout.p if self.training else 0.0,
        )
        states = self.attention_norm(states + self.dropout(self.joined(seen.transpose(1, 2).flatten(2))))
        changed: Tensor = self.norm(states + self.dropout(self.outer(functional.gelu(self.inner(states)))))
        return changed


class Network(nn.Module):
    """BERT with kinds of pieces, read at its first piece, over the quotation and over everything; then the labels."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.pieces, self.places = nn.Embedding(_PIECES, _HIDDEN), nn.Embedding(_PLACES, _HIDDEN)
        self.kinds = nn.Embedding(_KINDS, _HIDDEN)
        self.norm = nn.LayerNorm(_HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(_LAYERS))
        self.reading, self.labels = nn.Linear(3 * _HIDDEN, _HIDDEN), nn.Linear(_HIDDEN, labels)
        self.dropout = nn.Dropout(0.1)

    def embed(self, ids: Tensor, kinds: Tensor) -> Tensor:
        """The pieces' first states, of shape (questions, pieces, hidden)."""
        states = self.pieces(ids) + self.places.weight[: ids.shape[1]] + self.kinds(kinds)
        embedded: Tensor = self.dropout(self.norm(states))
        return embedded

    def forward(self, states: Tensor, kinds: Tensor, mask: Tensor) -> Tensor:
        """Logits of shape (questions, labels) from the pieces' first states."""
        for layer in self.layers:
            states = layer(states, mask)

        def mean(chosen: Tensor) -> Tensor:
            weights = (chosen & mask).to(states.dtype).unsqueeze(-1)
            return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)

        read = torch.cat([states[:, 0], mean(kinds % 2 == 1), mean(mask)], dim=1)
        logits: Tensor = self.labels(self.dropout(torch.tanh(self.reading(self.dropout(read)))))
        return logits


class _PackedLinear(nn.Module):
    """A linear map with 8-bit weights. What comes in is rounded to 8 bits too: the largest number of each piece is 127."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.scale, self.bias = weight.t(), scale.flatten(), bias

    def forward(self, states: Tensor) -> Tensor:
        """The map of states of shape (questions, pieces, width)."""
        rows = states.flatten(0, 1)
        scale = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
        products = torch._int_mm((rows / scale).round().to(torch.int8), self.weight)
        mapped: Tensor = (products * (scale * self.scale) + self.bias).reshape(*states.shape[:2], -1)
        return mapped


class _PackedEmbedding(nn.Module):
    """An embedding with 8-bit weights."""

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.weight, self.scale = weight, scale

    def forward(self, ids: Tensor) -> Tensor:
        """The embeddings of ids, in single precision."""
        embedded: Tensor = self.weight[ids] * self.scale[ids]
        return embedded


def _packed_network(weights: dict[str, Tensor]) -> Network:
    """The network with weights that `packed` made: three times as fast as in single precision, and a quarter of the memory."""
    with torch.device("meta"):
        network = Network(len(weights["labels.bias"]))
    rest = dict(weights)

    def packed_weight(path: str) -> tuple[Tensor, Tensor]:
        return rest.pop(f"{path}.weight"), rest.pop(f"{path}.weight.scale")

    network.pieces = _PackedEmbedding(*packed_weight("pieces"))  # type: ignore[assignment]
    for number, layer in enumerate(network.layers):
        for name, part in list(layer.named_children()):
            if isinstance(part, nn.Linear):
                path = f"layers.{number}.{name}"
                setattr(layer, name, _PackedLinear(*packed_weight(path), rest.pop(f"{path}.bias").float()))
    network.load_state_dict(unpacked(rest), assign=True)
    return network.eval().requires_grad_(False)


class StanceEncoder:
    """The tokeniser and the network."""

    def __init__(self, tokeniser: Tokenizer, weights: dict[str, Tensor]) -> None:
        """`weights` as `packed` made them. Raises ArtefactAltered where they are not those of such a network."""
        try:
            self._network = _packed_network(weights)
        except (KeyError, RuntimeError) as error:
            raise ArtefactAltered(f"the encoder's weights are not of this version: {error}; train it anew") from error
        self.weights = weights
        self.tokeniser = tokeniser
        self.reader = PieceReader(tokeniser)

    @classmethod
    def load(cls, folder: Path) -> "StanceEncoder":
        """Load the encoder of a folder whose files have been checked. Raises ArtefactAltered for other weights."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        tokeniser = Tokenizer.from_file(str(folder / PIECES))
        try:
            return cls(tokeniser, load_file(folder / WEIGHTS))
        except SafetensorError as error:
            raise ArtefactAltered(f"{folder / WEIGHTS} holds no weights ({error}); train it anew") from error

    def probabilities(self, questions: Sequence[Pieces]) -> NDArray[np.float64]:
        """The probability of each label, of shape (questions, labels).

        Each is read by itself, so that no answer depends on the last digits of what else is asked.
        """
        result = np.zeros((len(questions), self._network.labels.out_features))
        with torch.inference_mode():
            for row, question in enumerate(questions):
                ids, kinds, mask = padded([question])
                logits = self._network(self._network.embed(ids, kinds), kinds, mask)
                result[row] = logits.double().softmax(dim=1)[0].numpy()
        return result


def padded(questions: Sequence[Pieces]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, kinds and where there are any, each of shape (questions, longest)."""
    longest = max(map(len, questions))
    ids = torch.full((len(questions), longest), _PAD)
    kinds = torch.zeros_like(ids)
    for row, question in enumerate(questions):
        ids[row, : len(question)] = torch.tensor(question.ids)
        kinds[row, : len(question)] = torch.tensor(question.kinds)
    return ids, kinds, ids != _PAD


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


def packed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights for the disk: matrices as 8-bit integers with a scale for each row, the rest in half precision."""
    result = {}
    for name, weight in weights.items():
        if weight.dim() == 2:
            scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
            result[name], result[f"{name}.scale"] = (weight / scale).round().to(torch.int8), scale
        else:
            result[name] = weight.half()
    return result


def unpacked(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` made, in single precision."""
    return {
        name: weight.float() * weights[f"{name}.scale"] if weight.dtype == torch.int8 else weight.float()
        for name, weight in weights.items()
        if not name.endswith(".scale")
    }
