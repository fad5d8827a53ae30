"""A small transformer, run in plain torch: the encoder of MiniLM with kinds of pieces, and its weights in 8 bits.

quotes.stance_encoder and quotes.speaker_encoder read with it; sentence-transformers would bring ten times the code for the
same numbers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from quotes.errors import ArtefactAltered

WEIGHTS = "encoder.safetensors"
PIECES = "pieces.json"  # the tokeniser of all-MiniLM-L6-v2
REMEMBERED = 50_000  # words

HIDDEN = 384
_HEADS, _INNER, _PIECES, _PLACES = 12, 1536, 30522, 512
START, END = 101, 102  # [CLS] and [SEP] in the tokeniser's vocabulary


class WordPieces:
    """The ids of words' pieces; remembers those of words that it has seen."""

    def __init__(self, tokeniser: Tokenizer) -> None:
        tokeniser.no_padding()
        tokeniser.no_truncation()
        self.tokeniser = tokeniser
        self._ids: dict[str, list[int]] = {}

    @classmethod
    def load(cls, folder: Path) -> "WordPieces":
        """The tokeniser of an artefact's folder, whose files have been checked."""
        return cls(Tokenizer.from_file(str(folder / PIECES)))

    def of(self, word: str) -> list[int]:
        """The ids of a word's pieces."""
        if word not in self._ids:
            if len(self._ids) > REMEMBERED:
                self._ids.clear()
            self._ids[word] = self.tokeniser.encode(word, add_special_tokens=False).ids
        return self._ids[word]


class Layer(nn.Module):
    """A layer of BERT: attention, then two linear maps, each added to its input and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attended = nn.Linear(HIDDEN, 3 * HIDDEN)  # queries, keys and values
        self.joined = nn.Linear(HIDDEN, HIDDEN)
        self.inner, self.outer = nn.Linear(HIDDEN, _INNER), nn.Linear(_INNER, HIDDEN)
        self.attention_norm, self.norm = nn.LayerNorm(HIDDEN, eps=1e-12), nn.LayerNorm(HIDDEN, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, states: Tensor, lengths: list[int], wanted: Tensor | None = None) -> Tensor:
        """States of shape (pieces, hidden): those of several questions one after the other, of so many pieces each.

        With `wanted`, only the new states of these rows.
        """
        seen = torch.cat([self._attention(three) for three in torch.split(self.attended(states), lengths)])
        if wanted is not None:
            seen, states = seen[wanted], states[wanted]
        states = self.attention_norm(states + self.dropout(self.joined(seen)))
        changed: Tensor = self.norm(states + self.dropout(self.outer(functional.gelu(self.inner(states)))))
        return changed

    def _attention(self, three: Tensor) -> Tensor:
        """What each piece of one question sees; `three` has its queries, keys and values, of shape (pieces, 3 * hidden)."""
        query, key, value = three.reshape(len(three), 3 * _HEADS, -1).transpose(0, 1).unsqueeze(0).chunk(3, dim=1)
        if self.training:  # torch's own function takes six times as long to learn through on a processor
            seen = (query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)).softmax(dim=-1) @ value
        else:
            seen = functional.scaled_dot_product_attention(query, key, value)
        by_piece: Tensor = seen[0].transpose(0, 1).flatten(1)
        return by_piece


class Asked(Protocol):
    """A question: ids of word pieces and the kind of each."""

    @property
    def ids(self) -> list[int]:
        """Rows of the tokeniser's vocabulary."""

    @property
    def kinds(self) -> list[int]:
        """A number below the network's number of kinds for each piece."""


class Encoder(nn.Module):
    """The first `layers` layers of BERT's encoder; beside each piece it is told one of `kinds` kinds."""

    def __init__(self, kinds: int, layers: int) -> None:
        super().__init__()
        self.pieces, self.places = nn.Embedding(_PIECES, HIDDEN), nn.Embedding(_PLACES, HIDDEN)
        self.kinds = nn.Embedding(kinds, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.dropout = nn.Dropout(0.1)

    def read(self, questions: Sequence[Asked], wanted: Tensor | None = None) -> tuple[Tensor, ...]:
        """The states of each question's pieces, of shape (pieces, hidden).

        With `wanted`, which numbers the pieces of all questions through, the last layer is spared those of the others, which come
        out as 0. The questions share the linear maps and nothing else: to the last digit each is read as if it were alone.
        """
        lengths = [len(question.ids) for question in questions]
        ids, kinds, places = (
            torch.tensor([number for one in rows for number in one])
            for rows in ([q.ids for q in questions], [q.kinds for q in questions], [range(n) for n in lengths])
        )
        states: Tensor = self.pieces(ids) + self.places(places) + self.kinds(kinds)
        states = self.dropout(self.norm(states))
        *lower, last = self.layers
        for layer in lower:
            states = layer(states, lengths)
        changed: Tensor = last(states, lengths, wanted)
        if wanted is not None:
            changed = torch.zeros_like(states, dtype=changed.dtype).index_copy(0, wanted, changed)
        return torch.split(changed, lengths)


class _PackedLinear(nn.Module):
    """A linear map with 8-bit weights. What comes in is rounded to 8 bits too: the largest number of each piece is 127.

    Where the processor multiplies 8-bit integers, it does; elsewhere torch does that in a loop that takes twenty times as long as
    products in single precision, which hold the same integers and so the same sums.
    """

    _integers = torch.cpu._is_vnni_supported()

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.scale, self.bias = weight.t(), scale.flatten(), bias

    def forward(self, states: Tensor) -> Tensor:
        """The map of states of shape (pieces, width)."""
        scale = states.abs().amax(dim=1, keepdim=True).clamp_(min=1e-12).div_(127)
        products = self._products(states.div(scale).round_())
        mapped: Tensor = torch.addcmul(self.bias, products.mul_(scale), self.scale)
        return mapped

    def _products(self, rounded: Tensor) -> Tensor:
        if self._integers:
            return torch._int_mm(rounded.to(torch.int8), self.weight).float()
        return rounded @ self.weight.float()


class _PackedEmbedding(nn.Module):
    """An embedding with 8-bit weights."""

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.weight, self.scale = weight, scale

    def forward(self, ids: Tensor) -> Tensor:
        """The embeddings of ids, in single precision."""
        embedded: Tensor = self.weight[ids] * self.scale[ids]
        return embedded


Network = TypeVar("Network", bound=Encoder)


def packed_network(network: Network, weights: dict[str, Tensor]) -> Network:
    """A network made on torch's "meta" device, with weights that `packed` made: a quarter of the memory, and three times as fast
    where the processor multiplies 8-bit integers. Raises ArtefactAltered where they are not those of such a network."""
    rest = dict(weights)

    def packed_weight(path: str) -> tuple[Tensor, Tensor]:
        return rest.pop(f"{path}.weight"), rest.pop(f"{path}.weight.scale")

    try:
        network.pieces = _PackedEmbedding(*packed_weight("pieces"))  # type: ignore[assignment]
        for number, layer in enumerate(network.layers):
            for name, part in list(layer.named_children()):
                if isinstance(part, nn.Linear):
                    path = f"layers.{number}.{name}"
                    setattr(layer, name, _PackedLinear(*packed_weight(path), rest.pop(f"{path}.bias").float()))
        network.load_state_dict(unpacked(rest), assign=True)
    except (KeyError, RuntimeError) as error:
        raise ArtefactAltered(f"the encoder's weights are not of this version: {error}; train it anew") from error
    return network.eval().requires_grad_(False)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """The weights in an artefact's folder, whose files have been checked. Raises ArtefactAltered where there are none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise ArtefactAltered(f"{folder / WEIGHTS} holds no weights ({error}); train it anew") from error


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
