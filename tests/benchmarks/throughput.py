"""Words per second and memory of the whole way: `python -m tests.benchmarks.throughput [--newswire DIR]` (make bench).

Articles of 300, 600 and 1,200 words are put together from the paragraphs of seeds/articles; 200 articles of Worldwide English
newswire are measured too where they are found. Each row runs in fresh processes, so that memory is its own; a row is the
best of three runs, since a busy machine can only make a run slower. So that machines can be compared, each speed is also given
as a share of what Stanza itself reaches on one core with the same models when it finds nothing but words and names.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parent.parent.parent
NEWSWIRE = ROOT.parent / "shared" / "data" / "worldwide_newswire" / "original_articles"
LENGTHS = (300, 600, 1200)
COPIES = 8  # different articles of each length
YARDSTICK = 600  # words of the articles that Stanza alone reads
RUNS = 3


def paragraphs() -> list[str]:
    """The paragraphs of the plain sample articles."""
    texts = [p.read_text(encoding="utf-8") for p in sorted((ROOT / "seeds" / "articles").glob("*.txt"))]
    return [line for text in texts for line in text.split("\n") if line.strip()]


def articles_of(words: int) -> list[str]:
    """`COPIES` articles of about so many words, each beginning at another paragraph."""
    stock = paragraphs()
    result = []
    for copy in range(COPIES):
        chosen: list[str] = []
        place = copy * len(stock) // COPIES
        while sum(len(p.split()) for p in chosen) < words:
            chosen.append(stock[place % len(stock)])
            place += 1
        result.append("\n\n".join(chosen))
    return result


def newswire(folder: Path) -> list[str]:
    """Two hundred articles, the first of the folder by name."""
    return [p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.txt"))[:200]]


def texts_of(row: str, folder: Path) -> list[str]:
    """The articles of a row of the table."""
    return newswire(folder) if row == "newswire" else articles_of(int(row))


def measure(row: str, processes: int, folder: Path) -> None:
    """Measure one row in this process and print seconds to load, words per second and megabytes."""
    started = time.perf_counter()
    from quotes.document import Article
    from quotes.pipeline import analyse, analyse_many

    texts = texts_of(row, folder)
    list(analyse_many([Article(texts[0])] * processes * 4, processes)) if processes > 1 else analyse(Article(texts[0]))
    loading = time.perf_counter() - started
    best = 0.0
    for _ in range(1 if row == "newswire" else RUNS):
        started = time.perf_counter()
        done = sum(len(a.article.text.split()) for a in analyse_many(map(Article, texts * processes), processes))
        best = max(best, done / (time.perf_counter() - started))
    whose = resource.RUSAGE_CHILDREN if processes > 1 else resource.RUSAGE_SELF
    print(f"{loading:.1f}\t{best:.0f}\t{resource.getrusage(whose).ru_maxrss / 1024:.0f}")


def measure_stanza() -> None:
    """Print the words per second of Stanza as it is published, with the shipped models, for words and names alone."""
    import stanza
    import torch

    from quotes.parsing import PACKAGE

    torch.set_num_threads(1)
    language = stanza.Pipeline(
        "en",
        dir=str(ROOT / "models" / "english"),
        package=PACKAGE,
        processors="tokenize,mwt,ner",
        download_method=None,
        use_gpu=False,
        verbose=False,
    )
    texts = articles_of(YARDSTICK)
    language(texts[0])
    best = 0.0
    for _ in range(RUNS):
        started = time.perf_counter()
        for text in texts:
            language(text)
        best = max(best, sum(len(text.split()) for text in texts) / (time.perf_counter() - started))
    print(f"{best:.0f}")


def run(row: str, processes: int, folder: Path) -> list[str]:
    """What a fresh process prints of a row."""
    command = [sys.executable, "-m", "tests.benchmarks.throughput", "--row", row, "--processes", str(processes)]
    ran = subprocess.run([*command, "--newswire", str(folder)], capture_output=True, text=True, check=True)
    return ran.stdout.strip().split("\t")


def main() -> None:
    """Print the table, a row a process."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--newswire", type=Path, default=NEWSWIRE, help="the corpus's original_articles")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row == "stanza":
        measure_stanza()
        return
    if args.row:
        measure(args.row, args.processes, args.newswire)
        return
    cores = os.cpu_count() or 1
    integers = "" if torch.cpu._is_vnni_supported() else "no "
    print(
        f"{platform.machine()}, {cores} cores, {integers}products of 8-bit integers, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}"
    )
    (yardstick,) = run("stanza", 1, args.newswire)
    print(f"Stanza alone, words and names: {yardstick} words/s\n")
    print(f"{'articles':>16} {'processes':>9} {'load s':>7} {'words/s':>8} {'of Stanza':>9} {'MB a process':>12}")
    rows = [str(n) for n in LENGTHS] + (["newswire"] if args.newswire.is_dir() else [])
    for row in rows:
        for processes in (1, cores):
            loading, speed, memory = run(row, processes, args.newswire)
            name = "200 of newswire" if row == "newswire" else f"{row} words"
            share = float(speed) / float(yardstick)
            print(f"{name:>16} {processes:>9} {loading:>7} {speed:>8} {share:>9.2f} {memory:>12}", flush=True)


if __name__ == "__main__":
    main()
