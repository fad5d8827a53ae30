"""Predictions for PolNeAR: `python -m tests.benchmarks.polnear --polnear DIR --split dev --out PRED.jsonl`.

DIR is the corpus's `data` folder. The predictions can be read by the scorers outside the repository and by
`quotes evaluate speakers`; the format is in docs/evaluation.md.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from quotes.evaluation.speakers import PredictedArticle, run


def row(article: PredictedArticle) -> dict[str, Any]:
    """A line of the predictions; `speaker` is the mention, which those scorers show."""
    text = article.text or ""
    return {
        "doc": article.doc,
        "quotes": [
            {
                "start": quote.start,
                "end": quote.end,
                "text": quote.text,
                "speaker_start": quote.speaker_start,
                "speaker_end": quote.speaker_end,
                "speaker": None if quote.mention is None else quote.mention.of(text),
                "name": quote.name,
                "speech": quote.speech,
            }
            for quote in article.quotes
        ],
    }


def main(argv: list[str] | None = None) -> None:
    """Analyse the articles of one split and write what was found, an article a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polnear", type=Path, required=True, help="the folder that holds train, dev and test")
    parser.add_argument("--split", default="dev", help="the folder in it (default: dev)")
    parser.add_argument("--out", type=Path, required=True, help="where to write the predictions: JSON Lines")
    parser.add_argument("--processes", type=int, default=1, help="how many articles at once (default: 1)")
    args = parser.parse_args(argv)
    folder = args.polnear / args.split / "text"
    docs = sorted(path.stem for path in folder.glob("*.txt"))
    if not docs:
        parser.error(f"there are no articles in {folder}")
    with args.out.open("w", encoding="utf-8") as out:
        for number, article in enumerate(run(folder, docs, args.processes), 1):
            out.write(json.dumps(row(article), ensure_ascii=False) + "\n")
            print(f"\r{number} of {len(docs)} articles", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
