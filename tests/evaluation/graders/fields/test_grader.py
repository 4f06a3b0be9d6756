from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.fields.grader import FieldsGrader, parse_fields
from luthier.evaluation.graders.protocol import prepare_grader
from tests.evaluation.graders.samples import build_sample, grade_text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text('[fields.items]\nlist = "key"\nkey = "sku"\n\n[fields."items[].price"]\ncompare = "number"\n')
    return path


def test_the_rules_of_a_file_are_used(rules: Path) -> None:
    reference = '{"items": [{"sku": 1, "price": 2}, {"sku": 2, "price": 3.5}]}'
    text = '{"items": [{"sku": 2, "price": "3.50 EUR"}, {"sku": 1, "price": 2}]}'
    assert grade_text(parse_fields(str(rules)), text, reference).passed
    assert not grade_text(FieldsGrader(), text, reference).passed


def test_its_definition_changes_with_the_file_and_its_name_does_not(rules: Path) -> None:
    before = parse_fields(str(rules))
    rules.write_text('lists = "set"')
    after = parse_fields(str(rules))
    assert before.name == after.name == f"fields:{rules}"
    assert before.definition != after.definition


def test_a_rule_for_a_field_that_no_reference_has_is_refused(rules: Path) -> None:
    samples = [build_sample('{"items": [{"sku": 1, "prize": 2}]}'), build_sample("no json")]
    with pytest.raises(InvalidConfig, match=r"no reference has a field 'items\[\]\.price'") as refused:
        prepare_grader(parse_fields(str(rules)), samples)
    assert "items[].prize" in refused.value.hint


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("{", "the answer is not JSON"),
        ('{"items": [{"price": 1}]}', "an element of items has no sku"),
        ('{"items": [{"sku": 1}, {"sku": 1}]}', "two elements of items have the same sku"),
    ],
)
def test_a_reference_that_cannot_be_compared_is_found_before_the_run(rules: Path, reference: str, problem: str) -> None:
    found = parse_fields(str(rules)).reference_problem(build_sample(reference))
    assert found is not None
    assert found.startswith(problem)
    assert parse_fields(str(rules)).reference_problem(build_sample('{"items": [{"sku": 1}, {"sku": 2}]}')) is None
