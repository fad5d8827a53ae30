"""Fine-tunes MiniLM to say which of a quotation's candidates speaks."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from models import minilm
from models.attribution.examples import Example
from quotes.marks import find_quotations
from quotes.speaker_encoder import Question, Questions, SpeakerEncoder, SpeakerNetwork
from quotes.transformer import WordPieces, packed

EPOCHS, BATCH, SEED = 2, 16, 20261128
SETTINGS = {**minilm.SETTINGS, "epochs": EPOCHS, "batch": BATCH}
FOLDS = 3  # an article's fold is its number modulo this


def questions(data: Sequence[Example], pieces: WordPieces) -> list[Question]:
    """The questions of the examples, in their order."""
    of_article: dict[int, Questions] = {}
    result = []
    for example in data:
        if example.article not in of_article:
            quotations, _ = find_quotations(example.text)
            of_article[example.article] = Questions(quotations, example.parse, pieces)
        mentions = [candidate.mention for candidate in example.candidates]
        result.append(of_article[example.article].of(example.quotation.spans, mentions))
    return result


def encoder(data: Sequence[Example], asked: Sequence[Question], pieces: WordPieces, work: Path) -> SpeakerEncoder:
    """An encoder fine-tuned on these examples with their questions, or that of an earlier run on the same ones in `work`."""
    kept = [
        (question, [example.right(candidate) for candidate in example.candidates])
        for example, question in zip(data, asked, strict=True)
        # where somebody speaks who is none of the candidates there is nothing to learn
        if example.candidates and (not example.spoken or any(map(example.right, example.candidates)))
    ]
    told = [SETTINGS, SEED, [(question.ids, question.kinds, question.mentions, right) for question, right in kept]]
    path = work / f"speaker-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}.safetensors"
    if not path.exists():
        print(f"fine-tuning on {len(kept)} quotations", flush=True)
        network = minilm.untrained(SpeakerNetwork, SEED)
        _fine_tune(network, [question for question, _ in kept], [right for _, right in kept])
        save_file(packed(network.state_dict()), path)
    return SpeakerEncoder(pieces, load_file(path))


def _fine_tune(network: SpeakerNetwork, asked: Sequence[Question], right: Sequence[Sequence[bool]]) -> None:
    chance = random.Random(SEED)

    def batches() -> Iterator[list[int]]:
        return iter(minilm.batches_of([len(question) for question in asked], BATCH, chance))

    def loss(batch: list[int]) -> torch.Tensor:
        with minilm.precision():
            odds = network([asked[i] for i in batch])
        # the negative log-likelihood of the right mentions together, or of nobody, as of a conditional logit
        return torch.stack([_cost(one.float(), right[i]) for one, i in zip(odds, batch, strict=True)]).mean()

    minilm.fine_tune(network, batches, -(-len(asked) // BATCH), EPOCHS, loss, SEED)


def _cost(odds: torch.Tensor, right: Sequence[bool]) -> torch.Tensor:
    nobody = odds.new_zeros(1)
    wanted = odds[torch.tensor(right)] if any(right) else nobody
    return torch.logsumexp(torch.cat([nobody, odds]), dim=0) - torch.logsumexp(wanted, dim=0)


def left_out(groups: Sequence[int], fit: Callable[[list[int]], SpeakerEncoder]) -> list[SpeakerEncoder]:
    """For each fold an encoder that has not seen it; `fit` makes one from the positions that it may see."""
    return [fit([i for i, group in enumerate(groups) if group % FOLDS != fold]) for fold in range(FOLDS)]
