"""Rows are counted once, and the first of them are remembered."""

from __future__ import annotations

from luthier.data.answers.sightings import KEPT_LINES, KEPT_TEXTS, Place, Sightings


def see(*lines: int, text: str = "") -> Sightings:
    sightings = Sightings()
    for line in lines:
        sightings.add(line, text and f"{text} {line}")
    return sightings


def test_a_row_counts_once_however_often_it_does_the_same() -> None:
    sightings = see(3, 3, 3, 5, text="at")
    assert sightings.count == 2
    assert list(sightings.places()) == [Place(3, "at 3"), Place(5, "at 5")]
    assert sightings.sample == "at 3"


def test_all_rows_count_and_only_the_first_are_remembered() -> None:
    sightings = see(*range(1, KEPT_LINES + 11), text="at")
    assert sightings.count == KEPT_LINES + 10
    places = list(sightings.places())
    assert [place.line for place in places] == list(range(1, KEPT_LINES + 1))
    assert (places[KEPT_TEXTS - 1].text, places[KEPT_TEXTS].text) == (f"at {KEPT_TEXTS}", "")


def test_merged_sightings_stand_in_the_order_of_lines() -> None:
    merged = Sightings.merge([see(2, 7, text="a"), see(3, 9, text="b")])
    assert [place.text for place in merged.places()] == ["a 2", "b 3", "a 7", "b 9"]
    assert merged.count == 4
    assert Sightings.merge([]).count == 0


def test_copies_are_counted() -> None:
    sightings = Sightings()
    sightings.add(1, "a", is_copied=True)
    sightings.add(2, "a")
    assert (sightings.copied, sightings.count) == (1, 2)
