"""`luthier serve` reads its options before anything starts, and says in one line what is wrong with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.cli.app import run
from luthier.cli.serve import announce, read_aliases
from luthier.errors import InvalidConfig
from luthier.pipeline.keys import OwnKey
from luthier.server.processes.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:8000/v1"


def test_an_alias_is_a_name_and_a_model() -> None:
    assert read_aliases(["gpt-4o-mini-2024-07-18=smollm2-135m", "a=b=c"]) == {
        "gpt-4o-mini-2024-07-18": "smollm2-135m",
        "a": "b=c",
    }


@pytest.mark.parametrize("word", ["", "gpt-4o", "=smollm2-135m", "gpt-4o="])
def test_what_is_no_alias_is_refused(word: str) -> None:
    with pytest.raises(InvalidConfig, match="is no alias"):
        read_aliases([word])


def test_an_open_address_without_a_proxy_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUTHIER_HOME", str(tmp_path))
    assert run(["serve", "--host", "0.0.0.0", "--port", "0", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "invalid_config"
    assert list(tmp_path.iterdir()) == []  # nothing was made for it


@pytest.mark.parametrize("is_new", [True, False])
def test_a_key_is_shown_when_it_is_new_and_never_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_new: bool
) -> None:
    serving = Serving(URL, OwnKey("sk-secret", tmp_path / "admin.key", is_new=is_new))
    announce(serving, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "url": URL,
        "key": "sk-secret" if is_new else None,
        "key_file": str(tmp_path / "admin.key"),
    }
    announce(serving, as_json=False)
    shown = capsys.readouterr().out
    assert URL in shown
    assert ("sk-secret" in shown) is is_new
    assert str(tmp_path / "admin.key") in shown
