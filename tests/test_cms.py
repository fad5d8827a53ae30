"""The commands of docs/cms.md, run one after the other against a real service."""

import json
import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT
from tests.served import served

DOCUMENT = ROOT / "docs" / "cms.md"
BETWEEN = "--- the next block ---"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this system")
def test_the_whole_round_goes_as_the_document_says(tmp_path):
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with served(QUOTES_WORKERS="1") as service:
        service.wait_until_ready()
        script = f"\necho; echo '{BETWEEN}'\n".join(blocks).replace("http://localhost:8000", service.url)
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stderr.decode()
    outputs = [output.strip() for output in done.stdout.decode().split(BETWEEN)]
    _, saved, again, ninjs, forms, batch, retried, problem = outputs

    (quotation,) = json.loads(saved)["quotations"]
    assert (quotation["text"], quotation["speaker"]["name"]) == ("We will not sail tonight,", "Ilva Daremont")
    assert quotation["spans"][0]["selectors"]["range"]["start"]["path"] == "p[2]/text()[1]"
    assert json.loads((tmp_path / "analysis.json").read_bytes()) == json.loads(saved)
    assert again == "304"
    assert json.loads(ninjs)["article"]["body"] == "/bodies/0/value"
    assert '"@type":"NewsArticle"' in forms
    assert '"type":"AnnotationPage"' in forms
    assert "post-118,Ferries stay in port,https://news.example/118," in forms
    assert json.loads(batch)["progress"]["total"] == 2
    items = json.loads((tmp_path / "batch.json").read_bytes())["items"]
    assert [item["state"] for item in items] == ["succeeded", "failed"]
    assert items[1]["problem"]["errors"][0]["pointer"] == "#/articles/1/html"
    assert retried.lower() == "idempotent-replayed: true"
    assert json.loads(problem)["type"] == "urn:problem-type:quotes:empty-article"
