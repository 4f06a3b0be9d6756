"""Each probe finds its fault on a page that has it, and none on one that has not: else no page could fail it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import PROBES
from tests.support.browser import View

if TYPE_CHECKING:
    from tests.browser.conftest import Reader

SOUND = """<style>:focus-visible { outline: 2px solid black }</style>
<h1>Report</h1><h2>Rates</h2><p>words <a href="#rates">and a link</a></p>
<table id="rates"><thead><tr><th scope="col">Model</th><th scope="col">Rate</th></tr></thead>
<tbody><tr><th scope="row">old</th><td>20%</td></tr></tbody></table>
<svg width="100" height="20"><rect class="bar" width="50" height="20" fill="#555"/></svg>
"""
FAULTS = [
    ("findOverflow", '<p style="width: 900px">wide</p>', "the page is"),
    ("findOverflow", '<p style="position: absolute; left: -90px">out</p>', "sticks out"),
    ("findOverflow", f'<p style="overflow: hidden">{"unbreakable" * 90}</p>', "is cut"),
    ("findOverlaps", '<h2>over</h2><h3 style="margin-top: -30px">under</h3>', "lies over"),
    ("findPaleTexts", '<p style="color: #999">pale</p>', "2.85 of 4.5"),
    ("findPaleTexts", '<p style="background: #333"><b style="color: #555">dark</b></p>', "of 4.5"),
    ("findPaleTexts", '<svg><text y="9" fill="#ddd">pale</text></svg>', "of 4.5"),
    ("findPaleSigns", '<input style="border: 1px solid #ccc">', "1.61 of 3: input"),
    ("findPaleSigns", '<svg><rect class="bar" width="9" height="9" fill="#eee"/></svg>', "of 3: rect.bar"),
    ("findHeadingFaults", "<h4>deep</h4>", "h2 is followed by h4"),
    ("findHeadingFaults", "<h1>twice</h1>", "not one h1"),
    ("findTableFaults", "<table><tbody><tr><td>1</td></tr></tbody></table>", "a row without a name"),
    ("findTableFaults", "<table><tbody><tr><th>x</th></tr></tbody></table>", "no scope"),
    ("findDoubles", '<i id="rates"></i>', "rates"),
    ("findDoubles", '<a href="#gone">x</a>', "leads nowhere"),
    ("findUnprinted", "<details><summary>more</summary><p>folded</p></details>", "not printed: p"),
    ("findUnprinted", '<pre style="height: 1em; overflow: auto">a\nb\nc\nd</pre>', "printed in part"),
    ("findFocusFault", '<a href="#rates" style="outline: none" tabindex="1">x</a>', "focus cannot be seen"),
]


@pytest.mark.parametrize(("probe", "fault", "told"), FAULTS)
def test_a_probe_tells_its_fault_and_nothing_of_a_sound_page(reader: Reader, probe: str, fault: str, told: str) -> None:
    for body in (SOUND, SOUND + fault):
        reader.browser.open(f"<!doctype html><html lang=en><title>x</title>{body}", View(420))
        reader.browser.ask(f"{PROBES}; null")
        if probe == "findFocusFault":
            reader.browser.press("Tab")
        found = reader.probe(probe)
        assert bool(found) is (body != SOUND), found
    assert any(told in each for each in found), found
