"""Finds the trained models and makes sure that they are the ones that were measured.

A model is a folder with `manifest.json`: `files` (path to sha256), `versions`, `seed`, `licence`, `data`, `scores`. The
folders lie in `models/` beside this package, or in `$QUOTES_MODELS`.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quotes.errors import ArtefactAltered, ArtefactMissing

MODELS = Path(__file__).resolve().parent.parent / "models"


@dataclass(frozen=True, slots=True)
class Artefact:
    """A model whose files are present and unaltered."""

    name: str
    folder: Path
    manifest: dict[str, Any]

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits over all its files' hashes: equal exactly when the files are."""
        joined = "".join(f"{path}:{digest}\n" for path, digest in sorted(self.manifest["files"].items()))
        return hashlib.sha256(joined.encode()).hexdigest()[:12]

    @property
    def summary(self) -> dict[str, Any]:
        """What a user may want to know, as plain values: name, version, licence, versions, scores and files."""
        parts = {part: self.manifest.get(part, {}) for part in ("versions", "scores", "files")}
        return {
            "name": self.name,
            "version": self.version,
            "licence": self.manifest.get("licence", "not stated"),
            **parts,
        }


def models_folder() -> Path:
    """The folder that holds the models."""
    return Path(os.environ.get("QUOTES_MODELS") or MODELS)


def find(name: str) -> Artefact:
    """Check the model `name` ("english", "stance", …) against its manifest.

    Raises ArtefactMissing when the manifest or a file that it names is not there, ArtefactAltered when a file's sha256
    differs or the manifest cannot be read.
    """
    folder = models_folder() / name
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = dict(manifest["files"])
    except FileNotFoundError:
        raise ArtefactMissing(
            f"the model '{name}' has no manifest at {path}; "
            "check out models/ again, or point QUOTES_MODELS at a folder that has it"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactAltered(f"the manifest {path} cannot be read ({error}); check out models/ again") from None
    for relative, expected in files.items():
        file = folder / relative
        if not file.is_file():
            raise ArtefactMissing(f"the model '{name}' lacks {file}; check out models/ again or train it anew")
        with file.open("rb") as stream:
            actual = hashlib.file_digest(stream, "sha256").hexdigest()
        if actual != expected:
            raise ArtefactAltered(
                f"{file} is not the file that {path} names (sha256 {actual[:12]}…, expected {expected[:12]}…); "
                "check out models/ again, or train it anew with its recipe, which also writes the manifest"
            )
    return Artefact(name, folder, manifest)
