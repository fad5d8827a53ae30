"""Measure the English models on data that they were not trained on: `python -m models.english.evaluate --data DIR`.

Three parts, printed, and written to the manifest with --write:

- UD EWT test from raw text, with the CoNLL 2018 scorer (package udtools): tokens, sentences, tags, lemmas, syntax;
- named entities on the held-back tenth of Worldwide English newswire (split by document, see newswire.py), gold tokens;
- twenty PolNeAR dev articles with curly marks: tokens that swallow a quotation mark or a possessive, and sentences that
  end after an abbreviation that ends none.
"""

import argparse
import io
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
CLASSES = ("PERSON", "ORG", "LOC", "NORP", "MISC")
SYNTAX = {"Tokens": "tokens", "Sentences": "sentences", "UPOS": "upos", "Lemmas": "lemmas", "UAS": "uas", "LAS": "las"}
ABBREVIATIONS = re.compile(r"(?:^|\s)(?:Mr|Mrs|Ms|Sen|Rep|Gov|Lt|No|Dr|Gen|U\.S|U\.N)\.$")
ARTICLES = 20


def universal_dependencies(pipeline: Any, path: Path) -> dict[str, float]:
    """F1 of each CoNLL 2018 metric in percent, from raw text."""
    from stanza.utils.conll import CoNLL
    from udtools import udeval

    from models.english import treebanks

    sentences = treebanks.read(path)
    text = "\n\n".join(treebanks.paragraphs(sentences))
    document = pipeline(text)
    for sentence in document.sentences:
        for word in sentence.words:
            if word.text == "<UNK>":  # what Stanza puts for a very long address
                word.text = text[word.parent.start_char : word.parent.end_char]
                word.parent.text = word.text
    predicted = io.StringIO()
    CoNLL.write_doc2conll(document, predicted)
    gold = udeval.load_conllu(io.StringIO("".join("\n".join(s) + "\n\n" for s in sentences)), path.name, {})
    system = udeval.load_conllu(io.StringIO(predicted.getvalue()), "system", {})
    scores = udeval.evaluate(gold, system)
    return {name: round(100 * scores[metric].f1, 2) for metric, name in SYNTAX.items()}


def entities(pipeline: Any, files: list[Path]) -> dict[str, float]:
    """Entity F1 in percent, micro and by class: exact spans and classes, on gold tokens.

    As in use, a name has one class in an article (quotes.whole_names); `micro_by_sentence` is without that.
    """
    from stanza.models.common.doc import Document

    from models.english import newswire
    from quotes.whole_names import commonest_classes

    right: Counter[str] = Counter()
    guessed: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    right_by_sentence = 0
    for path in files:
        sentences = newswire.read(path)
        document = Document([[{"id": (i,), "text": w} for i, (w, _) in enumerate(s, 1)] for s in sentences])
        document = pipeline.processors["ner"].process(document)
        gold = {(number, *span) for number, s in enumerate(sentences) for span in _spans([tag for _, tag in s])}
        tagged = [
            (number, int(e.tokens[0].id[0]) - 1, int(e.tokens[-1].id[0]), e.type)
            for number, sentence in enumerate(document.sentences)
            for e in sentence.ents
        ]
        names = [(" ".join(w for w, _ in sentences[n][start:end]), kind) for n, start, end, kind in tagged]
        classes = commonest_classes(names)
        found = {(n, start, end, kind) for (n, start, end, _), kind in zip(tagged, classes, strict=True)}
        for spans, counter in ((gold, wanted), (found, guessed), (gold & found, right)):
            counter.update(kind for *_, kind in spans)
        right_by_sentence += len(gold & set(tagged))
    scores = {
        "micro": _f1(right.total(), guessed.total(), wanted.total()),
        "micro_by_sentence": _f1(right_by_sentence, guessed.total(), wanted.total()),
    }
    return scores | {kind: _f1(right[kind], guessed[kind], wanted[kind]) for kind in CLASSES}


def _spans(tags: list[str]) -> set[tuple[int, int, str]]:
    result = set()
    for start, tag in enumerate(tags):
        if tag.startswith("B-"):
            end = start + 1
            while end < len(tags) and tags[end] == "I-" + tag[2:]:
                end += 1
            result.add((start, end, tag[2:]))
    return result


def _f1(right: int, guessed: int, wanted: int) -> float:
    return round(200 * right / max(1, guessed + wanted), 2)


def news_text(folder: Path) -> dict[str, int]:
    """Counts of what must not happen in curly-quoted news: tokens and sentences cut wrongly."""
    from quotes.marks import find_quotations
    from quotes.parsing import EnglishModels

    english = EnglishModels.load()
    counts = Counter(articles=0, tokens=0, swallowed_marks=0, swallowed_possessives=0, broken_after_abbreviation=0)
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        if "“" not in text or counts["articles"] == ARTICLES:
            continue
        counts["articles"] += 1
        quotations, _ = find_quotations(text)
        for sentence in english.annotate(text, quotations, lambda _: ()).sentences:
            for word in sentence.words:
                counts["tokens"] += 1
                surface = text[word.start : word.end]
                counts["swallowed_marks"] += len(surface) > 1 and any(c in '“”"' for c in surface)
                counts["swallowed_possessives"] += bool(re.search(r"\w['’]s$", surface)) and surface == word.text
            following = text[sentence.end : sentence.end + 3]
            last = text[max(sentence.start, sentence.end - 8) : sentence.end]
            ends_line = "\n" in following or not following.strip()
            counts["broken_after_abbreviation"] += bool(ABBREVIATIONS.search(last)) and not ends_line
    return dict(counts)


def main() -> None:
    """Parse the command line, measure, print, and write the scores where asked to."""
    import stanza
    import torch

    from models.english import newswire
    from quotes.parsing import PACKAGE

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the corpora, laid out as models.english.train says")
    parser.add_argument("--write", action="store_true", help="put the scores into the manifest")
    args = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = stanza.Pipeline("en", dir=str(HERE), package=PACKAGE, download_method=None, use_gpu=False, verbose=False)
    scores = {
        "ud_ewt_test": universal_dependencies(pipeline, args.data / "ud" / "en_ewt-test.conllu"),
        "ud_gum_test": universal_dependencies(pipeline, args.data / "ud" / "en_gum-test.conllu"),
        "newswire_test": entities(pipeline, newswire.split(args.data / "worldwide_newswire")["test"]),
        "polnear_dev": news_text(args.data / "polnear" / "dev" / "text"),
    }
    print(json.dumps(scores, indent=1))
    if args.write:
        path = HERE / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["scores"] = scores
        path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
