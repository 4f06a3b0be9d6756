"""Any file, of any container and in any state, gives rows, flaws, or an error with a hint."""

from __future__ import annotations

import csv
import gzip
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from luthier.data.formats.columns import parse_column_map
from luthier.data.formats.registry import find_format
from luthier.data.readers.reader import read_rows
from luthier.errors import FileMissing, InvalidDataset, LuthierError, UsageError

if TYPE_CHECKING:
    from luthier.data.jsonl import Line

ROW = {"prompt": "a", "completion": "b"}
LINE = json.dumps(ROW)
TABLE = "prompt,completion\na,b\n"
CUT = gzip.compress(TABLE.encode() + os.urandom(3000).hex().encode())[:-500]

BROKEN: dict[str, bytes] = {
    "empty.jsonl": b"",
    "empty.csv": b"",
    "empty.gz": gzip.compress(b""),
    "blank.csv": b"\n\n \n",
    "header.csv": b"prompt,completion\n",
    "cut.jsonl.gz": CUT,
    "cut_head.gz": CUT[:5],
    "wrong_sum.gz": gzip.compress(LINE.encode())[:-8] + b"12345678",
    "junk.gz": b"\x1f\x8b\x08" + b"junk" * 9,
    "cut.parquet": b"PAR1" + b"\0" * 90,
    "no_footer.parquet": b"PAR1PAR1",
    "cut.arrow": b"ARROW1\0\0",
    "cut_stream.arrow": b"\xff\xff\xff\xff\x40\x02\0\0",
    "utf16.csv": TABLE.encode("utf-16"),
    "utf16be.csv": TABLE.encode("utf-16-be"),
    "utf32.jsonl": LINE.encode("utf-32"),
    "latin1.csv": b"prompt,completion\ncaf\xe9,b\n",
    "ragged.csv": b'prompt,completion\na\na,b,c\n"a"b,c\n"a,\n',
    "zero.csv": b"prompt,completion\na,\0\n",
    "carriage.csv": b"prompt,completion\ra,b\rc,d\r",
    "quotes.csv": b'"' * 999,
    "commas.csv": b"," * 999 + b"\n,,",
    "cut.json": b'[{"prompt": "a", "completion": "b"}, {"prompt": "',
    "cut_array.json": b'[{"prompt": "a", "completion": "b"},',
    "arrays.json": b'[["a", "b"], ["c"]]',
    "scalars.json": b"[1, null, true]",
    "deep.json": b"[" * 100_000,
    "deep.jsonl": b'{"a":' * 100_000 + b"\n",
    "deep_pretty.json": b'{\n"a":' * 50_000,
    "not_numbers.json": b'[{"prompt": NaN, "completion": -Infinity, "x": 1e999}]',
    "objects.json": b'{\n "prompt": "a"\n}\n{\n "prompt": ',
    "line.jsonl": b'{"prompt": "' + b"x" * 20_000_000,
    "binary": bytes(range(256)) * 400,
    "noise": bytes((number * 7919 + number // 256) % 251 + 4 for number in range(9000)),
    "picture.csv": b"\x89PNG\r\n\x1a\n" + b"\0" * 99,
}


def read_all(path: Path) -> list[Line] | LuthierError:
    try:
        return list(read_rows(path))
    except LuthierError as error:
        return error


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gives_no_row_without_saying_why(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BROKEN[name])
    found = read_all(tmp_path / name)
    if isinstance(found, LuthierError):
        assert found.hint
        return
    assert len({line.number for line in found}) == len(found)
    rows = [line.value for line in found if line.is_parsed and isinstance(line.value, dict)]
    assert all(row in (ROW, {"prompt": "a"}) for row in rows)


def test_packed_text_is_unpacked(tmp_path: Path) -> None:
    for name, text in (("a.jsonl.gz", LINE), ("a.csv.gz", TABLE), ("a.gz", f"[{LINE}]")):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
        assert [line.value for line in read_rows(tmp_path / name)] == [ROW]


def test_rows_before_the_place_where_a_packed_file_is_cut_are_read(tmp_path: Path) -> None:
    content = b"".join(b'{"number": %d, "noise": "%s"}\n' % (n, os.urandom(50).hex().encode()) for n in range(20_000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content, 1)[:-2000])
    lines = list(read_rows(tmp_path / "a.jsonl.gz"))
    assert len(lines) > 1000
    assert [line.value["number"] for line in lines[:-1] if line.is_parsed] == list(range(len(lines) - 1))
    assert lines[-1].damage is not None
    assert lines[-1].number == len(lines)


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(f"{LINE}\n" * 3,))
    writer.start()
    assert [line.value for line in read_rows(pipe)] == [ROW] * 3
    writer.join()


def test_columns_of_no_known_meaning_are_listed_with_a_map_to_try(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,customer,reply\n1,a,b\n")
    with pytest.raises(InvalidDataset, match="what is asked and answered: id, customer, reply") as refused:
        list(read_rows(tmp_path / "a.csv"))
    assert refused.value.hint == "name them: --map user=customer --map assistant=reply"
    columns = parse_column_map(["user=customer", "assistant=reply"])
    assert [line.value["reply"] for line in read_rows(tmp_path / "a.csv", columns)] == ["b"]


def test_a_mapped_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,customer,reply\n1,a,b\n")
    with pytest.raises(UsageError, match="no column 'custmer'") as refused:
        list(read_rows(tmp_path / "a.csv", parse_column_map(["user=custmer", "assistant=reply"])))
    assert refused.value.hint == "did you mean customer?"


def test_columns_beside_messages_are_metadata_and_no_misspelt_keys(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    table = pa.table({"messages": [messages], "source": ["phone"], "tools": [None], "metadata": [{"x": 1}]})
    parquet.write_table(table, tmp_path / "a.parquet")
    (line,) = read_rows(tmp_path / "a.parquet")
    assert line.value == {"messages": messages, "metadata": {"x": 1, "source": "phone"}}
    parquet.write_table(table.append_column("x", [[2]]), tmp_path / "a.parquet")
    (line,) = read_rows(tmp_path / "a.parquet")
    assert line.damage is not None
    assert "'x' stands in the row and, with another value" in line.damage.message


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="is a folder"):
        list(read_rows(tmp_path))
    with pytest.raises(FileMissing, match="no such file"):
        list(read_rows(tmp_path / "a.csv"))


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries({"prompt": cells, "completion": cells, "note": cells}), min_size=1, max_size=4))
def test_the_same_rows_give_the_same_conversations_from_every_container(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("same")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "array.json").write_text(json.dumps(rows, ensure_ascii=False, indent=2), encoding="utf-8")
    (folder / "pretty.json").write_text("\n".join(json.dumps(row, indent=2) for row in rows))
    parquet.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    for name, delimiter in (("rows.csv", ","), ("rows.tsv", "\t")):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
    form = find_format("prompt_completion")
    expected = [form.to_openai(row) for row in rows]
    for path in folder.iterdir():
        assert [form.to_openai(line.value) for line in read_rows(path)] == expected, path
