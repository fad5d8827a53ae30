"""A small transformer, run in plain torch: the encoder of MiniLM with kinds of pieces, and its weights in 8 bits.

quotes.stance_encoder and quotes.speaker_encoder read with it; sentence-transformers would bring ten times the code for the
same numbers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

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
# [PAD], [CLS], [SEP] in the tokeniser's vocabulary
PAD, START, END = 0, 101, 102


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

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """States of shape (questions, pieces, hidden); `mask` is true where there is a piece, None if there is one everywhere."""
        query, key, value = self.attended(states).unflatten(-1, (3 * _HEADS, -1)).transpose(1, 2).chunk(3, dim=1)
        seen = self._attention(query, key, value, None if mask is None else mask[:, None, None, :])
        states = self.attention_norm(states + self.dropout(self.joined(seen.transpose(1, 2).flatten(2))))
        changed: Tensor = self.norm(states + self.dropout(self.outer(functional.gelu(self.inner(states)))))
        return changed

    def _attention(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        if not self.training:
            return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        # torch's own function takes six times as long to learn through on a processor
        scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e4)
        seen: Tensor = scores.softmax(dim=-1) @ value
        return seen


class Encoder(nn.Module):
    """The first `layers` layers of BERT's encoder; beside each piece it is told one of `kinds` kinds."""

    def __init__(self, kinds: int, layers: int) -> None:
        super().__init__()
        self.pieces, self.places = nn.Embedding(_PIECES, HIDDEN), nn.Embedding(_PLACES, HIDDEN)
        self.kinds = nn.Embedding(kinds, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.dropout = nn.Dropout(0.1)

    def read(self, ids: Tensor, kinds: Tensor, mask: Tensor) -> Tensor:
        """The states of pieces, of shape (questions, pieces, hidden); all arguments are of shape (questions, pieces)."""
        states: Tensor = self.pieces(ids) + self.places.weight[: ids.shape[1]] + self.kinds(kinds)
        states = self.dropout(self.norm(states))
        seen = None if bool(mask.all()) else mask
        for layer in self.layers:
            states = layer(states, seen)
        return states


class _PackedLinear(nn.Module):
    """A linear map with 8-bit weights. What comes in is rounded to 8 bits too: the largest number of each piece is 127."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.scale, self.bias = weight.t(), scale.flatten(), bias

    def forward(self, states: Tensor) -> Tensor:
        """The map of states of shape (questions, pieces, width)."""
        rows = states.flatten(0, 1)
        scale = rows.abs().amax(dim=1, keepdim=True).clamp_(min=1e-12).div_(127)
        products = torch._int_mm(rows.div(scale).round_().to(torch.int8), self.weight).float()
        mapped: Tensor = torch.addcmul(self.bias, products.mul_(scale), self.scale)
        return mapped.reshape(*states.shape[:2], -1)


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
    """A network made on torch's "meta" device, with weights that `packed` made: three times as fast as in single precision, and
    a quarter of the memory. Raises ArtefactAltered where they are not those of such a network."""
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


def padded(questions: Sequence[tuple[Sequence[int], Sequence[int]]]) -> tuple[Tensor, Tensor, Tensor]:
    """From each question's ids and kinds of pieces: ids, kinds, and where there are any, each of shape (questions, longest)."""
    longest = max(len(ids) for ids, _ in questions)
    all_ids = torch.full((len(questions), longest), PAD)
    all_kinds = torch.zeros_like(all_ids)
    for row, (ids, kinds) in enumerate(questions):
        all_ids[row, : len(ids)] = torch.tensor(ids)
        all_kinds[row, : len(kinds)] = torch.tensor(kinds)
    return all_ids, all_kinds, all_ids != PAD


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
