"""Names that a client of the API may write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidConfig, NameTaken, UnknownModel
from luthier.models.public_names import EMBEDDER, LONGEST_NAME, PublicNames
from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.tuned import register_tuned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALIASES = {
    "gpt-4o-mini-2024-07-18": "smollm2-135m",
    "gpt-4o-mini-2024-01-01": "Qwen/Qwen2.5-0.5B",
    "support": "ft:smollm2-135m:luthier::aaaaaaaa",
    "hosted": "openai:gpt-4o",
    "gone": "no-such-model",
    "text-embedding-3-small": "all-minilm-l6-v2",
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(Settings(home=tmp_path, aliases=ALIASES, organization="acme"))
    yield home
    home.database.close()


@pytest.fixture
def names(home: Home) -> PublicNames:
    return PublicNames(home)


def test_an_alias_is_understood_without_its_date_and_the_latest_date_counts(names: PublicNames) -> None:
    found = names.resolve("gpt-4o-mini")
    assert found == names.resolve("gpt-4o-mini-2024-07-18")
    assert (found.id, found.model) == ("gpt-4o-mini-2024-07-18", "smollm2-135m")
    assert found.created_at == datetime(2024, 7, 18, tzinfo=UTC)


def test_a_published_model_is_found_by_both_its_names(home: Home, names: PublicNames) -> None:
    register_tuned(home, "job-model")
    names.publish("ft:smollm2-135m:acme::bbbbbbbb", "job-model", None)
    for name in ("ft:smollm2-135m:acme::bbbbbbbb", "job-model"):
        found = names.resolve(name)
        assert (found.id, found.model, found.owned_by, found.is_tuned) == (name, "job-model", "acme", True)


def test_a_withdrawn_name_is_unknown_while_the_model_stays(home: Home, names: PublicNames) -> None:
    register_tuned(home, "job-model")
    names.publish("ft:x:acme::bbbbbbbb", "job-model", None)
    names.withdraw("ft:x:acme::bbbbbbbb")
    with pytest.raises(UnknownModel):
        names.resolve("ft:x:acme::bbbbbbbb")
    assert names.resolve("job-model").model == "job-model"


def test_publishing_again_changes_nothing_and_another_model_does_not_get_the_name(names: PublicNames) -> None:
    names.publish("ft:x:acme::bbbbbbbb", "one", None)
    names.publish("ft:x:acme::bbbbbbbb", "one", None)
    with pytest.raises(NameTaken):
        names.publish("ft:x:acme::bbbbbbbb", "two", None)
    assert names.resolve("ft:x:acme::bbbbbbbb").model == "one"


def test_an_alias_may_stand_for_a_tuned_model(home: Home, names: PublicNames) -> None:
    register_tuned(home, "job-model")
    names.publish(ALIASES["support"], "job-model", None)
    found = names.resolve("support")
    assert (found.id, found.model, found.is_tuned) == ("support", "job-model", False)


@pytest.mark.parametrize(
    "name",
    [
        "hosted",
        "openai:gpt-4o",
        "https://example.com/v1#m",
        "gone",
        "",
        "nul\0",
        "half\ud800",
        "../../etc",
        "/etc",
        ".",
    ],
)
def test_no_name_leads_out_of_this_machines_models(names: PublicNames, name: str) -> None:
    with pytest.raises(UnknownModel, match="does not exist or you do not have access to it"):
        names.resolve(name)


def test_a_name_without_end_is_neither_looked_for_nor_repeated(names: PublicNames) -> None:
    with pytest.raises(UnknownModel) as caught:
        names.resolve("m" * 10_000_000)
    with pytest.raises(UnknownModel) as also_caught:
        names.resolve_embedder("m" * 10_000_000)
    assert max(len(caught.value.message), len(also_caught.value.message)) < 2 * LONGEST_NAME


def test_a_folder_is_reached_by_its_alias_and_not_by_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    home = Home(Settings(home=tmp_path / "home", aliases={"local": str(folder)}))
    names = PublicNames(home)
    assert names.resolve("local").model == str(folder)
    with pytest.raises(UnknownModel):
        names.resolve(str(folder))
    assert [name.id for name in names.list_all()] == ["local", "smollm2-135m", EMBEDDER]
    home.database.close()


def test_a_name_of_the_hub_is_known_only_where_the_home_needs_it(home: Home, names: PublicNames) -> None:
    """Else any client could make the server download whatever it likes."""
    assert names.resolve("Qwen/Qwen2.5-0.5B").model == "Qwen/Qwen2.5-0.5B"
    with pytest.raises(UnknownModel):
        names.resolve("acme/never-asked-for")
    register_tuned(home, "other", base="acme/never-asked-for")
    assert names.resolve("acme/never-asked-for").model == "acme/never-asked-for"


def test_the_list_has_each_name_once_and_all_of_them_resolve(home: Home, names: PublicNames) -> None:
    register_tuned(home, "job-model")
    register_tuned(home, "by-hand")
    names.publish("ft:smollm2-135m:acme::bbbbbbbb", "job-model", None)
    listed = [name.id for name in names.list_all()]
    assert listed == [
        "ft:smollm2-135m:acme::bbbbbbbb",
        "by-hand",
        "gpt-4o-mini-2024-07-18",
        "gpt-4o-mini-2024-01-01",
        "gpt-4o-mini",
        "Qwen/Qwen2.5-0.5B",
        "smollm2-135m",
        "all-minilm-l6-v2",
        "text-embedding-3-small",
    ]
    for name in names.list_all():
        assert names.resolve_any(name.id).model == name.model


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "text-embedding-3-small"])
def test_what_embeds_texts_answers_no_chats_and_nothing_else_embeds(names: PublicNames, name: str) -> None:
    assert names.resolve_embedder(name) == names.resolve_any(name)
    assert names.resolve_embedder(name).model == EMBEDDER
    with pytest.raises(UnknownModel, match="turns texts into vectors") as caught:
        names.resolve(name)
    assert "/v1/embeddings" in caught.value.hint
    for chats in ("smollm2-135m", "gpt-4o-mini"):
        with pytest.raises(UnknownModel, match=f"`{chats}` answers chats") as caught:
            names.resolve_embedder(chats)
        assert name in caught.value.hint
    with pytest.raises(UnknownModel, match="does not exist"):
        names.resolve_embedder("no-such-model")


def test_an_unknown_name_is_answered_with_the_near_ones(names: PublicNames) -> None:
    with pytest.raises(UnknownModel) as caught:
        names.resolve("gpt-4o-minni")
    assert "gpt-4o-mini" in caught.value.hint


@pytest.mark.parametrize(("target", "reason"), [("openai:gpt-4o", "hosted"), ("no-such-model", "no model")])
def test_an_alias_that_leads_nowhere_shows_when_the_server_starts(tmp_path: Path, target: str, reason: str) -> None:
    home = Home(Settings(home=tmp_path, aliases={"good": "smollm2-135m", "bad": target}))
    with pytest.raises(InvalidConfig, match=f"the alias bad leads to .*{reason}|the alias bad leads to the {reason}"):
        PublicNames(home).check_aliases()
    home.database.close()


def test_sound_aliases_pass(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path, aliases={"good": "smollm2-135m", "hub": "Qwen/Qwen2.5-0.5B", "text": EMBEDDER}))
    PublicNames(home).check_aliases()
    home.database.close()
