from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.graders.fields.rules import PLAIN_RULES, SETTINGS_OF, FieldRules, Rule, build_rules, read_rules

if TYPE_CHECKING:
    from pathlib import Path


def build(toml: str) -> FieldRules:
    return build_rules(tomllib.loads(toml), where="rules.toml")


def test_a_field_without_a_rule_is_compared_exactly() -> None:
    assert PLAIN_RULES.find("items[].price").compare == "exact"
    assert PLAIN_RULES.find_list_order("items") == "ordered"


def test_a_rule_is_found_by_its_path() -> None:
    price = 'fields."items[].price" = {compare = "number", tolerance = "1%"}'
    rules = build(f'lists = "set"\n{price}\n[fields.items]\nlist = "key"\nkey = "sku"')
    assert str(rules.find("items[].price").allowed) == "1%"
    assert (rules.find_list_order("items"), rules.find_list_order("tags")) == ("key", "set")


@pytest.mark.parametrize(
    ("toml", "said", "hint"),
    [
        ('list = "set"', "unknown setting list", "did you mean lists?"),
        ('fields.a = {compair = "date"}', "unknown setting fields.a.compair", "did you mean compare?"),
        ('fields.a = {compare = "dates"}', "fields.a.compare: input should be", ""),
        ("fields.a = {tolerance = 1}", "fields.a: tolerance belongs to compare = 'number'", ""),
        ('fields.a = {compare = "number", tolerance = -1}', "fields.a.tolerance: tolerance '-1'", ""),
        ('fields.a = {compare = "similarity", metric = "blue"}', "fields.a.metric: no metric 'blue'", ""),
        ('fields.a = {compare = "similarity", at_least = 2}', "fields.a.at_least: ", ""),
        ('fields.a = {list = "key"}', 'fields.a: list = "key" and key = "NAME" belong together', ""),
        ('fields."a[].b" = {key = "x"}', 'fields."a[].b": list = "key"', ""),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_place(toml: str, said: str, hint: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        build(toml)
    assert refused.value.message.startswith(f"rules.toml: {said}")
    assert hint in refused.value.hint


def test_every_setting_belongs_to_a_way_to_compare() -> None:
    owned = {name for names in SETTINGS_OF.values() for name in names}
    assert owned == set(Rule.model_fields) - {"compare", "list", "key"}


def test_a_file_that_is_no_toml_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("lists = ")
    with pytest.raises(InvalidConfig, match="is not TOML"):
        read_rules(tmp_path / "rules.toml")
    with pytest.raises(FileMissing):
        read_rules(tmp_path / "none.toml")
