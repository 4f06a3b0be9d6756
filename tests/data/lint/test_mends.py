"""What `check --fix` must leave alone: indentation, page breaks, addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.data.lint.registry import ALL_RULES
from tests.data.rows import message

if TYPE_CHECKING:
    from typing import Any

RULES = {rule.code: rule for rule in ALL_RULES}


def mend_answer(code: str, text: str) -> Any:
    mended = RULES[code].mend({"messages": [message("user"), message("assistant", text)]})
    assert mended is not None
    return mended["messages"][1]["content"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    y = x\n    return y", "    y = x\n    return y"),
        ("\n \n    y = x\n    return y \n", "    y = x\n    return y"),
        ("  four ", "four"),
    ],
)
def test_the_indentation_of_several_lines_stays(before: str, after: str) -> None:
    assert mend_answer("LD307", before) == after


def test_a_page_break_is_no_fraction_and_a_fraction_is() -> None:
    assert mend_answer("LD111", "ends here.\n\x0cthe second page") == "ends here.\n\nthe second page"
    assert mend_answer("LD111", "so $\x0crac{1}{2}$ and $\x07lpha$") == "so $\\frac{1}{2}$ and $\\alpha$"


def test_an_address_loses_its_tracking_and_stays_an_address() -> None:
    assert mend_answer("LD316", "https://x.org/?utm_source=chatgpt.com&id=3") == "https://x.org/?id=3"
    assert mend_answer("LD316", "https://x.org/?id=3&utm_source=chatgpt.com") == "https://x.org/?id=3"
    assert mend_answer("LD316", "https://x.org/?utm_source=chatgpt.com") == "https://x.org/"
