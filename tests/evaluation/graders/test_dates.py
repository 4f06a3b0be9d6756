from __future__ import annotations

from datetime import date

import pytest

from luthier.evaluation.graders.dates import find_date

FOURTH_OF_MARCH = date(2024, 3, 4)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-04",
        "2024/3/4",
        "2024-03-04T10:00:00Z",
        "04.03.2024",
        "4 March 2024",
        "4th of March, 2024",
        "March 4, 2024",
        "Mar. 4th 2024",
        "It is due on 2024-03-04.",
        "2024-03-04, that is March 4, 2024",
    ],
)
def test_a_day_is_read_however_it_is_written(text: str) -> None:
    assert find_date(text) == FOURTH_OF_MARCH


@pytest.mark.parametrize(
    "text",
    ["", "today", "2024-02-30", "2024-13-01", "03/04/2024", "2024-03-04 or 2024-03-05", "12024-03-04", "1.2.3.2024"],
)
def test_what_could_be_two_days_or_none_is_none(text: str) -> None:
    assert find_date(text) is None


def test_a_day_above_twelve_shows_the_order_and_a_setting_says_it() -> None:
    assert find_date("25/03/2024") == find_date("03/25/2024") == date(2024, 3, 25)
    assert find_date("03/04/2024", order="day_first") == date(2024, 4, 3)
    assert find_date("03/04/2024", order="month_first") == FOURTH_OF_MARCH
    assert find_date("03/03/2024") == date(2024, 3, 3)
