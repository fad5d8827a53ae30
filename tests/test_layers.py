"""Data flows one way: every module imports only what its place in the design allows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What each module of `quotes` may import from `quotes`. A module that is not here yet fails the test: decide its place.
ALLOWED = {
    "document": set(),
    "errors": set(),
    "characters": set(),
    "cues": set(),
    "artefacts": {"errors"},
    "markup": {"errors"},
    "ninjs": {"errors"},
    "reading": {"document", "errors", "markup", "ninjs"},
    "dom": {"document", "markup"},
    "positions": {"document", "dom", "reading"},
    "uniform": {"characters", "document"},
    "marks": {"document", "uniform"},
    "faster_stanza": set(),
    "parsing": {"artefacts", "characters", "document", "errors", "faster_stanza", "marks"},
    "syntax": {"cues", "document", "parsing"},
    "person_names": {"cues"},
    "people": {"cues", "document", "parsing", "person_names"},
    "whole_names": {"document", "parsing", "person_names"},
    "people_file": {"characters", "document", "errors", "person_names"},
    "pronouns": {"cues", "document", "parsing", "people"},
    "described": {"cues", "document", "parsing", "syntax"},
    "names": {"cues", "described", "document", "parsing", "people", "person_names", "pronouns"},
    "surroundings": {"document", "parsing", "syntax"},
    "candidates": {"cues", "document", "parsing", "people", "surroundings", "syntax"},
    "speech": {"candidates", "document", "parsing"},
    "transformer": {"errors"},
    "speaker_encoder": {"document", "parsing", "transformer"},
    "ranker": {"artefacts", "candidates", "cues", "document", "errors", "names", "speaker_encoder"},
    "attribution": {"candidates", "document", "names", "parsing", "ranker", "speaker_encoder", "speech"},
    "stance_features": {"document"},
    "stance_encoder": {"stance_features", "transformer"},
    "stance": {"artefacts", "document", "errors", "stance_encoder", "stance_features"},
    "settings": {"errors", "markup", "reading"},
    "pipeline": {
        "artefacts",
        "attribution",
        "document",
        "errors",
        "marks",
        "parsing",
        "ranker",
        "settings",
        "stance",
        "stance_features",
        "uniform",
        "whole_names",
    },
    "exports": {"document", "dom", "positions", "reading"},
    "linked_data": {"document"},
    "terminal": set(),
    "evaluation": set(),
    "evaluation.intervals": set(),
    "evaluation.speakers": {
        "document",
        "errors",
        "evaluation.intervals",
        "exports",
        "people",
        "person_names",
        "pipeline",
        "reading",
        "terminal",
    },
    "evaluation.tables": {"errors", "reading"},
    "evaluation.testsets": {"document", "errors", "evaluation.tables", "marks"},
    "evaluation.predictions": {"document", "errors", "evaluation.tables", "evaluation.testsets"},
    "evaluation.keywords": {"document"},
    "evaluation.results": {"document", "evaluation.intervals"},
    "evaluation.stances": {
        "document",
        "evaluation.intervals",
        "evaluation.keywords",
        "evaluation.predictions",
        "evaluation.results",
        "evaluation.testsets",
    },
    "evaluation.agreement": {
        "errors",
        "evaluation.intervals",
        "evaluation.results",
        "evaluation.tables",
        "evaluation.testsets",
    },
    "evaluation.views": {
        "evaluation.agreement",
        "evaluation.intervals",
        "evaluation.results",
        "evaluation.speakers",
        "evaluation.stances",
        "evaluation.tables",
        "terminal",
    },
    "evaluation.plots": {"evaluation.results"},
    "evaluation.report": {
        "errors",
        "evaluation.plots",
        "evaluation.results",
        "evaluation.stances",
        "evaluation.tables",
        "evaluation.testsets",
        "evaluation.views",
        "exports",
    },
    "evaluation.commands": None,  # doors: anything in quotes
    "cli": None,
}
HEAVY = {
    "stanza": {"faster_stanza", "parsing"},
    "torch": {"faster_stanza", "parsing", "speaker_encoder", "stance_encoder", "transformer"},
    "sklearn": {"stance"},
    "skops": {"stance", "ranker"},
    "matplotlib": {"evaluation.plots"},
    "selectolax": {"dom"},
}


def place(path: Path) -> str:
    """A module's name inside `quotes`, dotted; a package's is that of its folder."""
    return ".".join(path.relative_to(ROOT / "quotes").with_suffix("").parts).removesuffix(".__init__")


MODULES = {place(path): path for path in sorted((ROOT / "quotes").rglob("*.py")) if path.parent.name != "__pycache__"}
del MODULES["__init__"]


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own(path: Path) -> set[str]:
    """The modules of `quotes` that a file imports."""
    names = {name.removeprefix("quotes.") for name in imports(path) if name.startswith("quotes.")}
    return {max((m for m in MODULES if f"{name}.".startswith(f"{m}.")), key=len, default=name) for name in names}


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_what_its_layer_allows(module):
    assert module in ALLOWED, f"{MODULES[module]} has no place in the layers yet"
    allowed = ALLOWED[module]
    if allowed is not None:
        assert own(MODULES[module]) <= allowed


@pytest.mark.parametrize("library", sorted(HEAVY))
def test_heavy_library_has_one_door(library):
    users = {m for m, path in MODULES.items() if any(n.split(".")[0] == library for n in imports(path))}
    assert users <= HEAVY[library]


def test_plots_are_loaded_by_nothing_but_a_report():
    code = "import sys, quotes.cli, quotes.pipeline, quotes.evaluation.report, api.app; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True)
    assert b"'quotes.evaluation.plots'" in done.stdout
    assert b"'matplotlib'" not in done.stdout


def test_quotes_knows_nothing_of_the_api_or_the_recipes():
    for module, path in MODULES.items():
        names = {n.split(".")[0] for n in imports(path)}
        allowed = {"api"} if module == "cli" else set()  # `quotes serve` starts the API
        assert not (names & {"api", "models", "tests"}) - allowed


def test_api_builds_on_quotes_alone():
    for path in (ROOT / "api").rglob("*.py"):
        assert not {n.split(".")[0] for n in imports(path)} & {"models", "tests", "stanza", "torch", "sklearn", "skops"}
