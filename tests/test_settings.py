import re

import pytest

from quotes.cli import main
from quotes.errors import InputError
from quotes.settings import Settings, settings_in_force, variable
from tests.conftest import ROOT


def listed() -> dict[str, tuple[str, str]]:
    """The default and the meaning of each setting, by its variable."""
    return {
        variable(name): ("–" if field.default is None else str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    }


def test_every_setting_is_described():
    assert all(meaning for _, meaning in listed().values())


def test_the_readme_lists_every_setting_as_it_is():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `QUOTES_")]
    plain = [[re.sub(r"\[(.*?)\]\(.*?\)", r"\1", cell).replace("`", "") for cell in row] for row in rows]
    assert {name: (default, meaning) for name, default, meaning in plain} == listed()


def test_the_command_lists_what_is_in_force(monkeypatch, capsys):
    monkeypatch.setenv("QUOTES_PORT", "8123")
    monkeypatch.setenv("QUOTES_PROT", "8124")
    assert main(["settings"]) == 0
    out, err = capsys.readouterr()
    rows = {cells[1]: cells for line in out.splitlines() if len(cells := [c.strip() for c in line.split("│")]) > 4}
    assert rows.keys() - {""} == listed().keys()
    assert rows["QUOTES_PORT"][2:4] == ["8123", "8000"]
    assert rows["QUOTES_PEOPLE"][2:4] == ["–", "–"]
    assert "QUOTES_PROT is set, but there is no such setting" in err
    assert "QUOTES_PORT" not in err


def test_a_value_that_makes_no_sense_is_named(monkeypatch):
    monkeypatch.setenv("QUOTES_PORT", "eighty")
    with pytest.raises(InputError, match="QUOTES_PORT=eighty: "):
        settings_in_force()
