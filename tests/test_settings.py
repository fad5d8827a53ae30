import re

import pytest

from quotes.cli import main
from quotes.errors import InputError
from quotes.settings import Settings, networks_of, settings_in_force, variable
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


@pytest.mark.parametrize(
    "secret",
    ["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!" + "A" * 43, "whsec_" + "A" * 400],
)
def test_a_bad_webhook_secret_is_refused_and_not_shown(secret, monkeypatch):
    monkeypatch.setenv("QUOTES_WEBHOOK_SECRET", secret)
    with pytest.raises(InputError, match=r"QUOTES_WEBHOOK_SECRET=…: .*24 to 64 random bytes"):
        settings_in_force()


def test_a_webhook_secret_is_not_listed(monkeypatch, capsys):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    monkeypatch.setenv("QUOTES_WEBHOOK_SECRET", secret)
    assert settings_in_force().webhook_secret.get_secret_value() == secret
    assert main(["settings"]) == 0
    assert secret not in capsys.readouterr().out


def test_webhook_networks(monkeypatch):
    monkeypatch.setenv("QUOTES_WEBHOOK_NETWORKS", "10.1.0.0/16, ::1,127.0.0.1")
    found = networks_of(settings_in_force().webhook_networks)
    assert [str(network) for network in found] == ["10.1.0.0/16", "::1/128", "127.0.0.1/32"]
    monkeypatch.setenv("QUOTES_WEBHOOK_NETWORKS", "10.1.0.0/16, intranet")
    with pytest.raises(InputError, match=r"QUOTES_WEBHOOK_NETWORKS=.*'intranet' does not appear"):
        settings_in_force()
