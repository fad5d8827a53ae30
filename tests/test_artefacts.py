"""Models are used only when they are the ones that were measured."""

import hashlib
import json

import pytest

from quotes import artefacts
from quotes.errors import ArtefactAltered, ArtefactMissing


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model folder with one small model in it."""
    model = tmp_path / "toy"
    model.mkdir()
    (model / "weights.bin").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    (model / "manifest.json").write_text(json.dumps({"files": {"weights.bin": digest}, "scores": {}}))
    monkeypatch.setenv("QUOTES_MODELS", str(tmp_path))
    return model


def test_unaltered_model_is_found(folder):
    artefact = artefacts.find("toy")
    assert artefact.folder == folder
    assert len(artefact.version) == 12


def test_version_changes_with_the_files(folder):
    before = artefacts.find("toy").version
    (folder / "weights.bin").write_bytes(b"others")
    manifest = {"files": {"weights.bin": hashlib.sha256(b"others").hexdigest()}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert artefacts.find("toy").version != before


def test_altered_file_is_refused_and_named(folder):
    (folder / "weights.bin").write_bytes(b"weightz")
    with pytest.raises(ArtefactAltered, match=r"weights\.bin"):
        artefacts.find("toy")


def test_missing_file_is_named(folder):
    (folder / "weights.bin").unlink()
    with pytest.raises(ArtefactMissing, match=r"weights\.bin"):
        artefacts.find("toy")


def test_missing_manifest_says_what_to_do(folder):
    with pytest.raises(ArtefactMissing, match="QUOTES_MODELS"):
        artefacts.find("nothing")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3}', "not json"])
def test_broken_manifest_is_refused(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(ArtefactAltered, match=r"manifest\.json"):
        artefacts.find("toy")
