"""The real service keeps what its OpenAPI document promises, as schemathesis sees it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.served import served

pytestmark = pytest.mark.slow

EXAMPLES = 60  # of each operation, besides those that it derives from the document


def test_schemathesis_finds_nothing(tmp_path):
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(ROOT / "tests/schemathesis.toml"),
    ]
    options = ["--max-examples", str(EXAMPLES), "--seed", "1", "--continue-on-failure", "--no-color"]
    with served(QUOTES_DATABASE=str(tmp_path / "quotes.sqlite"), QUOTES_WORKERS="2") as service:
        service.wait_until_ready()
        run = [*command, "run", service.url + "/openapi.json", *options]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
