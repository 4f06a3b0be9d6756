"""A mended copy: what rules can mend is mended, the rest stays as it was, and the ledger leads back to the source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luthier.data.check import check_file
from luthier.data.examples.messy import generate_lines
from luthier.data.lint.registry import ALL_RULES
from luthier.data.lint.rule import Rule
from luthier.data.mending.mending import ROUNDS, MendOrder, mend_file
from luthier.errors import InvalidDataset, LuthierError, NameTaken, UsageError
from tests.data.ledgers import read_jsonl, undo_change
from tests.data.rows import ask, many, message, row, write
from tests.data.test_fuzz import MESSAGE_KEYS, leaves, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from luthier.data.check import CheckReport
    from luthier.data.finding import Finding
    from luthier.data.mending.mending import Mending

messages = st.dictionaries(st.sampled_from(MESSAGE_KEYS), leaves, max_size=3)
sound_rows = st.lists(messages, max_size=3).map(lambda some: row(message("user"), *some, message("assistant", "y\x01")))
"""Sound at both ends, so that the rules look at what is between."""

FIXES = {rule.code: rule for rule in ALL_RULES if rule.fix and not rule.is_privacy}


def mend(source: Path, target: Path, *, rules: Mapping[str, Rule[Any]] = FIXES, replaces: bool = False) -> Mending:
    return mend_file(MendOrder(source, target, rules, replaces=replaces), check=check_file)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "messy.jsonl"
    path.write_bytes(b"".join(line.raw + b"\n" for line in generate_lines()))
    return path


def test_what_a_rule_can_mend_is_mended_and_told(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", *many(60), row(message("user", "be\x01ep"), message("assistant", "yes")))
    mending = mend(source, tmp_path / "b.jsonl")
    assert [line["messages"][-2]["content"] for line in read_jsonl(tmp_path / "b.jsonl")][-1] == "beep"
    assert read_jsonl(tmp_path / "b.ledger.jsonl") == [
        {
            "line": 61,
            "new_line": 61,
            "code": "LD111",
            "action": "changed",
            "path": "messages[0].content",
            "before": "be\x01ep",
            "after": "beep",
        }
    ]
    assert mending.mended == {"LD111": 1}
    assert "LD111" not in {finding.code for finding in mending.report.findings}
    assert mending.report.path == tmp_path / "b.jsonl"


def test_the_source_stays_as_it_is_and_nothing_else_is_left_behind(messy: Path) -> None:
    before = messy.read_bytes()
    mend(messy, messy.with_name("clean.jsonl"))
    assert messy.read_bytes() == before
    assert names(messy.parent) == ["clean.jsonl", "clean.ledger.jsonl", "messy.jsonl"]


def test_a_mark_blank_lines_and_carriage_returns_vanish(tmp_path: Path) -> None:
    rows = many(12)
    source = tmp_path / "a.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*rows[:6], "", "  ", *rows[6:]]).encode())
    mending = mend(source, tmp_path / "b.jsonl")
    assert (tmp_path / "b.jsonl").read_bytes() == "".join(f"{line}\n" for line in rows).encode()
    assert [
        (change["line"], change["new_line"], change["code"], change["action"])
        for change in read_jsonl(tmp_path / "b.ledger.jsonl")
    ] == [(1, 1, "LD102", "changed"), (7, None, "LD107", "dropped"), (8, None, "LD107", "dropped")]
    assert mending.dropped_count == 2


def test_what_cannot_be_read_or_mended_stands_as_it_stood(tmp_path: Path) -> None:
    broken = [b'{"messages": [', b'{"a": 1, "a": 2}', b"[NaN]", b"caf\xe9", b'{"x": "\\ud83d"}', b'  [1,  "a"]  ']
    source = write(tmp_path / "a.jsonl", *broken, *many(12))
    mend(source, tmp_path / "b.jsonl")
    lines = (tmp_path / "b.jsonl").read_bytes().splitlines()
    assert lines[:5] == broken[:5]
    assert lines[5] == b'[1, "a"]'
    assert read_jsonl(tmp_path / "b.ledger.jsonl") == []


def test_the_first_of_equal_rows_stays(tmp_path: Path) -> None:
    rows = many(12)
    mending = mend(write(tmp_path / "a.jsonl", *rows, rows[3], rows[3]), tmp_path / "b.jsonl")
    assert read_jsonl(tmp_path / "b.jsonl") == [json.loads(line) for line in rows]
    assert mending.mended == {"LD901": 2}
    assert [change["before"] for change in read_jsonl(tmp_path / "b.ledger.jsonl")] == [json.loads(rows[3])] * 2


def test_what_mending_brings_to_light_is_mended_too(tmp_path: Path) -> None:
    """Two rows are equal only after a control character has gone; then one goes, and others move up."""
    source = write(tmp_path / "a.jsonl", ask("ring"), *many(12), ask("ring\x01"), "", ask("last\x01"))
    mending = mend(source, tmp_path / "b.jsonl")
    assert [
        (change["line"], change["new_line"], change["code"]) for change in read_jsonl(tmp_path / "b.ledger.jsonl")
    ] == [(14, None, "LD111"), (15, None, "LD107"), (16, 14, "LD111"), (14, None, "LD901")]
    assert mending.report.summary["rows"] == 14


def test_rows_in_other_formats_are_written_in_openais(tmp_path: Path) -> None:
    rows = [{"prompt": f"question {number}", "completion": f"answer {number}"} for number in range(12)]
    mend(write(tmp_path / "a.jsonl", *map(json.dumps, rows)), tmp_path / "b.jsonl")
    first = read_jsonl(tmp_path / "b.jsonl")[0]["messages"]
    assert [message["content"] for message in first] == ["question 0", "answer 0"]


def test_only_the_rules_that_are_asked_mend(messy: Path) -> None:
    clean = messy.with_name("clean.jsonl")
    mending = mend(messy, clean, rules={"LD901": FIXES["LD901"]})
    assert set(mending.mended) == {"LD901"}
    assert {change["code"] for change in read_jsonl(clean.with_name("clean.ledger.jsonl"))} == {"LD901"}


def test_a_second_mending_finds_nothing_more_to_do(messy: Path) -> None:
    clean, again = messy.with_name("clean.jsonl"), messy.with_name("again.jsonl")
    mend(messy, clean)
    mending = mend(clean, again)
    assert again.read_bytes() == clean.read_bytes()
    assert mending.mended == {}


def test_the_ledger_taken_back_gives_the_rows_of_the_source(tmp_path: Path) -> None:
    """But for white space, and for rows in other formats, which are converted without a word."""
    lines = [line.raw for line in generate_lines() if line.code != "LD112"]
    mend(write(tmp_path / "a.jsonl", *lines), tmp_path / "b.jsonl")
    mended = (tmp_path / "b.jsonl").read_bytes().splitlines()
    changes = read_jsonl(tmp_path / "b.ledger.jsonl")
    assert len({change["code"] for change in changes}) >= 6
    restored = dict(enumerate(lines, 1))
    new_lines = {change["line"]: change["new_line"] for change in changes}
    for line, new_line in new_lines.items():
        value = json.loads(mended[new_line - 1]) if new_line else None
        for change in reversed([change for change in changes if change["line"] == line]):
            value = undo_change(value, change)
        assert value == (json.loads(lines[line - 1]) if lines[line - 1].strip() else "")
        del restored[line]
    kept = [raw for number, raw in enumerate(mended, 1) if number not in new_lines.values()]
    assert [load(raw) for raw in kept] == [load(raw) for raw in restored.values()]


def load(raw: bytes) -> Any:
    """What cannot be read is compared as it stands."""
    try:
        return json.loads(raw, parse_constant=str)
    except ValueError:
        return raw


def test_rows_with_errors_are_dropped_on_demand_and_what_could_be_mended_is_kept(tmp_path: Path) -> None:
    wrong = row(message("user"), message("assistant", ""))
    shouting = row(message("USER"), message("assistant"))
    source = write(tmp_path / "a.jsonl", "", "{", *many(60), b"caf\xe9", wrong, shouting, f"[{wrong}, 1]")
    mending = mend_file(MendOrder(source, tmp_path / "b.jsonl", FIXES, drops=True), check=check_file)
    assert not mending.report.has_errors
    assert len(read_jsonl(tmp_path / "b.jsonl")) == 61
    assert mending.discarded == {"LD101": 1, "LD103": 1, "LD104": 1, "LD303": 1}
    assert mending.mended == {"LD107": 1, "LD204": 1}
    assert mending.dropped_count == 5
    dropped = {
        change["line"]: change for change in read_jsonl(tmp_path / "b.ledger.jsonl") if change["code"] != "LD204"
    }
    assert [(line, change["action"], change["new_line"]) for line, change in sorted(dropped.items())] == [
        (line, "dropped", None) for line in (1, 2, 63, 64, 66)
    ]
    assert [dropped[line]["before"] for line in (2, 63, 64)] == ["{", "caf\\xe9", json.loads(wrong)]


class Flip(Rule[Any]):
    """A rule that is never content."""

    code, name, why, example, hint = "LD111", "flip", "", "", ""
    fix = "turns the answer round"

    def check(self, subject: Any) -> Iterator[Finding]:
        yield self.finding(1, "turn me")

    def mend(self, row: dict[str, Any]) -> dict[str, Any]:
        first, last = row["messages"]
        return {**row, "messages": [first, {**last, "content": last["content"][::-1]}]}


def test_rules_that_never_agree_come_to_an_end(tmp_path: Path) -> None:
    looks = 0

    def check(path: Path) -> CheckReport:
        nonlocal looks
        looks += 1
        return check_file(path).with_findings(Flip().check(None))

    source = write(tmp_path / "a.jsonl", row(message("user"), message("assistant", "ab")))
    mend_file(MendOrder(source, tmp_path / "b.jsonl", {"LD111": Flip()}), check=check)
    assert looks == ROUNDS + 1
    assert len(read_jsonl(tmp_path / "b.ledger.jsonl")) == ROUNDS


def test_a_rule_that_mends_only_a_part_is_not_asked_for_ever(tmp_path: Path) -> None:
    """LD210 leaves the weight 0.5 to a person."""
    half = row(message("user"), message("assistant", weight=0.5))
    looks: list[Path] = []
    source = write(tmp_path / "a.jsonl", *many(12), half)
    mending = mend_file(
        MendOrder(source, tmp_path / "b.jsonl", FIXES), check=lambda path: looks.append(path) or check_file(path)
    )
    assert len(looks) == 2
    assert mending.mended == {}
    assert "LD210" in {finding.code for finding in mending.report.findings}


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", *many(12))
    (tmp_path / "link.jsonl").symlink_to(source)
    (tmp_path / "hard.jsonl").hardlink_to(source)
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    ledger = write(tmp_path / "x.ledger.jsonl", *many(12))
    targets = ["a.jsonl", "link.jsonl", "hard.jsonl", "folder/a.jsonl"]
    for path, target in [*((source, tmp_path / name) for name in targets), (ledger, tmp_path / "x.jsonl")]:
        with pytest.raises(UsageError, match="is read here"):
            mend(path, target, replaces=True)
    assert source.read_text().splitlines() == ledger.read_text().splitlines() == many(12)


def test_other_files_are_replaced_only_on_demand(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", *many(12))
    for taken in ("b.jsonl", "b.ledger.jsonl"):
        (tmp_path / taken).write_text("mine")
        with pytest.raises(NameTaken, match=f"{taken} exists") as caught:
            mend(source, tmp_path / "b.jsonl")
        assert "--force" in caught.value.hint
        (tmp_path / taken).unlink()
    (tmp_path / "b.jsonl").write_text("mine")
    mend(source, tmp_path / "b.jsonl", replaces=True)
    assert (tmp_path / "b.jsonl").read_text() == source.read_text()
    (tmp_path / "c.jsonl").mkdir()
    with pytest.raises(NameTaken, match="is a folder"):
        mend(source, tmp_path / "c.jsonl", replaces=True)


def test_a_file_that_is_no_text_is_not_mended(tmp_path: Path) -> None:
    source = tmp_path / "wide.jsonl"
    source.write_bytes("\n".join(many(3)).encode("utf-16"))
    with pytest.raises(InvalidDataset, match="not UTF-8 text") as caught:
        mend(source, tmp_path / "b.jsonl")
    assert "iconv" in caught.value.hint
    assert names(tmp_path) == ["wide.jsonl"]


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


KILLED = """
import os, signal, sys
from pathlib import Path
from luthier.data.check import check_file
from luthier.data.lint.registry import ALL_RULES
from luthier.data.mending.mending import MendOrder, mend_file

def die():
    os.kill(os.getpid(), signal.SIGKILL)

source, target, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
looks = moves = 0

def check(path):
    global looks
    looks += 1
    if moment == "between rounds" and looks == 2:
        die()
    return check_file(path)

def replace(path, other, really=Path.replace):
    global moves
    moves += 1
    if moment == ("before the ledger", "before the copy")[moves - 1]:
        die()
    return really(path, other)

Path.replace = replace
mend_file(MendOrder(source, target, {rule.code: rule for rule in ALL_RULES if rule.fix}), check=check)
"""


@pytest.mark.parametrize("moment", ["between rounds", "before the ledger", "before the copy"])
def test_a_killed_process_leaves_nothing_half_and_the_next_one_clears_up(moment: str, messy: Path) -> None:
    clean = messy.with_name("clean.jsonl")
    assert run_python(KILLED, messy, clean, moment).returncode == -9
    assert not clean.exists()
    ledger = clean.with_name("clean.ledger.jsonl")
    assert ledger.exists() is (moment == "before the copy")
    leftovers = [name for name in names(messy.parent) if name.startswith(".clean.jsonl.")]
    assert leftovers
    mend(messy, clean, replaces=True)
    assert names(messy.parent) == ["clean.jsonl", "clean.ledger.jsonl", "messy.jsonl"]
    whole = clean.read_bytes(), ledger.read_bytes()
    mend(messy, clean, replaces=True)
    assert (clean.read_bytes(), ledger.read_bytes()) == whole


def test_a_full_disk_leaves_nothing(messy: Path) -> None:
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    done = run_python(limit + KILLED, messy, messy.with_name("clean.jsonl"), "never")
    assert "DiskFull" in done.stderr
    assert "clean.jsonl: no room" in done.stderr
    assert names(messy.parent) == ["messy.jsonl"]


PEOPLE = ("jane.doe@posteo.de", "4539 5787 6362 1486", "4539578763621486", "max.muster@gmx.de")
REDACTIONS = {rule.code: rule for rule in ALL_RULES if rule.is_privacy}


def write_private(path: Path) -> Path:
    """Each of PEOPLE somewhere, also where no rule looks for it and where nobody can read it."""
    jane, card, digits, most = PEOPLE
    return write(
        path,
        *many(12),
        row(message("user", f"{jane}, {card}\x01"), message("assistant", f"I wrote to {jane}")),
        row(message("user"), message("assistant"), metadata={"mail": most, "card": int(digits)}),
        json.dumps([jane]),
        json.dumps({"text": jane}),
        f'{{"messages": [{{"role": "user", "content": "{jane}"',
        f'{{"a": 1, "a": "{jane}"}}',
        json.dumps({"x": f"{jane}"}).replace("@", "\\u0040"),
        many(1)[0],
    )


@pytest.mark.parametrize("rules", [REDACTIONS, {**FIXES, **REDACTIONS}], ids=["redacted", "fixed and redacted"])
def test_what_is_redacted_is_neither_in_the_copy_nor_in_the_ledger(rules: dict[str, Rule[Any]], tmp_path: Path) -> None:
    order = MendOrder(write_private(tmp_path / "a.jsonl"), tmp_path / "b.jsonl", rules, drops=True)
    mending = mend_file(order, check=check_file)
    copy, ledger = ((tmp_path / name).read_text() for name in ("b.jsonl", "b.ledger.jsonl"))
    for value in PEOPLE:
        assert value not in copy
        assert value not in ledger
    assert {change["action"] for change in read_jsonl(tmp_path / "b.ledger.jsonl")} >= {"redacted", "dropped"}
    assert not any({"before", "after"} & set(change) for change in read_jsonl(tmp_path / "b.ledger.jsonl"))
    assert {change["code"] for change in read_jsonl(tmp_path / "b.ledger.jsonl")} >= {"", "LD104"}
    assert mending.lost_count == 2
    assert not {finding.code for finding in mending.report.findings} & set(REDACTIONS)


def test_a_redaction_names_place_kind_and_mark(tmp_path: Path) -> None:
    mend(write_private(tmp_path / "a.jsonl"), tmp_path / "b.jsonl", rules=REDACTIONS)
    changes = [change for change in read_jsonl(tmp_path / "b.ledger.jsonl") if change["line"] in (13, 14)]
    assert [(change["code"], change["path"], change["kind"], change["mark"]) for change in changes] == [
        ("LD602", "messages[0].content", "email", "[EMAIL_1]"),
        ("LD602", "messages[1].content", "email", "[EMAIL_1]"),
        ("LD604", "messages[0].content", "card", "[CARD_1]"),
        ("LD602", "metadata.mail", "email", "[EMAIL_1]"),
        ("LD604", "metadata.card", "card", "[CARD_1]"),
    ]
    assert read_jsonl(tmp_path / "b.jsonl")[12]["messages"][1]["content"] == "I wrote to [EMAIL_1]"


def test_only_the_kinds_that_are_asked_are_redacted(tmp_path: Path) -> None:
    mend(write_private(tmp_path / "a.jsonl"), tmp_path / "b.jsonl", rules={"LD604": REDACTIONS["LD604"]})
    copy = (tmp_path / "b.jsonl").read_text()
    assert "jane.doe@posteo.de" in copy
    assert "4539" not in copy


def test_fixing_alone_redacts_nothing(tmp_path: Path) -> None:
    mend(write_private(tmp_path / "a.jsonl"), tmp_path / "b.jsonl")
    assert "[EMAIL_1]" not in (tmp_path / "b.jsonl").read_text()


@given(st.lists(st.one_of(rows.map(json.dumps), sound_rows, st.binary(max_size=20)), max_size=6))
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_a_file_holds_its_copy_can_be_read_and_the_rest_of_it_is_there(lines: list[str | bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = write(Path(folder) / "a.jsonl", *lines)
        try:
            mending = mend(source, Path(folder) / "b.jsonl", rules={**FIXES, **REDACTIONS})
        except LuthierError:
            return
        copy = (Path(folder) / "b.jsonl").read_bytes().splitlines()
        changes = read_jsonl(Path(folder) / "b.ledger.jsonl")
        dropped = {change["line"] for change in changes if change["action"] == "dropped"}
        assert all(isinstance(json.loads(line), dict | list | str | int | float | None) for line in copy)
        assert len(copy) + len(dropped) >= check_file(source).summary["rows"]
        assert mending.report.summary["rows"] == len(copy)
