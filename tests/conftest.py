from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Seconds are no property of the code: a busy machine takes many times as long as an idle one.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def pipeline():
    """The real models, loaded once."""
    from quotes.pipeline import Pipeline

    return Pipeline.load()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data that is not in the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"the data that is not in the repository is not in {folder}")
    return folder


@pytest.fixture(scope="session")
def articles() -> Path:
    """The sample articles."""
    return ROOT / "seeds" / "articles"


@pytest.fixture(autouse=True)
def database(monkeypatch, tmp_path) -> Path:
    """The file of the service's database in this test."""
    path = tmp_path / "quotes.sqlite"
    monkeypatch.setenv("QUOTES_DATABASE", str(path))
    return path


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
