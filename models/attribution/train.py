"""Train the speaker ranker: `python -m models.attribution.train --polnear DIR`.

DIR is the training split of PolNeAR (text/, attributions/). Its articles are annotated with models/english first, which
takes some minutes; the annotations are kept under --work, so that a run that is cut off goes on. Everything is fitted and
chosen by five-fold cross-validation over articles.
"""

import argparse
import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from sklearn.pipeline import Pipeline

from models.attribution import mentions, named, polnear
from models.attribution.examples import annotate, english, examples, own_examples
from quotes.document import Quotation, Span
from quotes.ranker import FILE

HERE = Path(__file__).parent
OWN_WEIGHT = (
    3  # times that the project's own articles count: they are few, and of the kinds that PolNeAR lacks; not swept
)
# Below this probability that the name is right nobody is named: a wrong name is worse than none. The table `named` (0.3 to 0.8)
# shows what other thresholds cost.
SPEAKER_THRESHOLD = 0.6


def save(models: dict[str, Pipeline], settings: dict[str, float], report: dict[str, object], count: int) -> None:
    """Write the artefact and its manifest."""
    import sklearn
    import skops
    from skops.io import dump

    dump(models, HERE / FILE)
    manifest = {
        "files": {FILE: hashlib.sha256((HERE / FILE).read_bytes()).hexdigest()},
        "versions": {"scikit-learn": sklearn.__version__, "skops": skops.__version__},
        "seed": mentions.SEED,
        "licence": "CC BY 4.0",
        "data": f"PolNeAR train, {count} articles, the project's own in seeds/articles, and seeds/speakers",
        "english": english().artefact.version if english().artefact else None,
        "settings": settings,
        "scores": report,
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Parse the command line, train, print the scores, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polnear", type=Path, required=True, help="the training split of PolNeAR")
    parser.add_argument("--work", type=Path, default=Path("build/attribution"), help="where annotations are kept")
    parser.add_argument("--processes", type=int, default=1, help="for annotating")
    parser.add_argument("--limit", type=int, help="only so many articles")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    articles = list(polnear.articles(args.polnear))[: args.limit]
    if args.processes > 1:
        with ProcessPoolExecutor(args.processes) as pool:
            for done, _ in enumerate(pool.map(partial(annotate, work=args.work), articles, chunksize=8), 1):
                print(f"\rannotated {done} of {len(articles)}", end="", flush=True)
        print()
    polnear_examples = examples(articles, args.work)
    own = own_examples(len(articles)) * OWN_WEIGHT
    who = named.gold_by_article()
    known = [number for number, article in enumerate(articles) if article.stem in who]
    print(f"{len(articles)} articles, {len(known)} of them with names")
    others = [e for e in polnear_examples if e.article not in known] + own
    without, settings, _ = mentions.fit(others, len(articles))
    settings["speaker_threshold"] = SPEAKER_THRESHOLD
    read = {n: named.named_article(articles[n], annotate(articles[n], args.work), who[articles[n].stem]) for n in known}
    names = [(article, partial(_is_right_mention, articles[n])) for n, article in read.items()]
    models, name_report = named.fit(names, without, settings)
    mention_models, settings, report = mentions.fit(polnear_examples + own, len(articles))
    settings["speaker_threshold"] = SPEAKER_THRESHOLD
    report |= name_report
    print(json.dumps({"settings": settings, **report}, indent=1))
    save({**mention_models, **models}, settings, report, len(articles))


def _is_right_mention(article: polnear.GoldArticle, quotation: Quotation, mention: Span) -> bool:
    words = polnear.gold_words(article, quotation)
    return words is not None and any(word.overlaps(mention) for word in words)


if __name__ == "__main__":
    main()
