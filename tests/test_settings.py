"""What the environment and `luthier.toml` say, and which of them wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.errors import InvalidConfig
from luthier.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "LUTHIER_OPENAI_API_KEY", "OPENAI_BASE_URL", "LUTHIER_OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_key() -> str:
    return load_settings().openai_api_key.get_secret_value()


def test_the_key_is_found_where_users_have_it(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_key() == ""
    (elsewhere / "luthier.toml").write_text('openai_api_key = "from the file"\n')
    assert read_key() == "from the file"
    monkeypatch.setenv("OPENAI_API_KEY", "everybody's")
    assert read_key() == "everybody's"
    monkeypatch.setenv("LUTHIER_OPENAI_API_KEY", "ours")
    assert read_key() == "ours"


def test_keys_of_other_servers_come_as_json_or_as_a_table(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "luthier.toml").write_text('[endpoint_keys]\n"https://a" = "1"\n')
    monkeypatch.setenv("LUTHIER_ENDPOINT_KEYS", '{"https://b": "2"}')
    keys = {origin: key.get_secret_value() for origin, key in load_settings().endpoint_keys.items()}
    assert keys == {"https://a": "1", "https://b": "2"}


def test_keys_that_are_no_json_are_told_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_ENDPOINT_KEYS", "sk-secret")
    with pytest.raises(InvalidConfig, match="endpoint_keys") as caught:
        load_settings()
    assert "JSON" in caught.value.hint
    assert "sk-secret" not in caught.value.message


def test_a_wrong_value_is_named_and_a_key_beside_it_not_shown(elsewhere: Path) -> None:
    (elsewhere / "luthier.toml").write_text('endpoint_tries = 0\nopenai_api_key = "sk-secret"\n')
    with pytest.raises(InvalidConfig, match="'endpoint_tries'") as caught:
        load_settings()
    assert "sk-secret" not in str(caught.value) + str(caught.value.__cause__)


def test_a_misspelt_setting_is_offered_its_neighbour(elsewhere: Path) -> None:
    (elsewhere / "luthier.toml").write_text('opena_api_key = "sk-secret"\n')
    with pytest.raises(InvalidConfig) as caught:
        load_settings()
    assert "openai_api_key" in caught.value.hint
    assert "sk-secret" not in str(caught.value) + str(caught.value.__cause__)


def test_settings_are_shown_without_their_keys() -> None:
    settings = Settings(openai_api_key="sk-secret", endpoint_keys={"https://a": "sk-secret"})
    assert "sk-secret" not in repr(settings) + settings.model_dump_json()
