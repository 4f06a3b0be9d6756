"""What a file is shows in its first bytes; its name counts only where these leave a doubt."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from luthier.data.readers.container import Container, detect_container
from luthier.errors import InvalidDataset


@pytest.mark.parametrize(
    ("head", "name", "container"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "a.csv", Container.LINES),
        (b"\n \n", "a.json", Container.LINES),
        (b'[{"a": 1}]', "a.jsonl", Container.ARRAY),
        (b"\xef\xbb\xbf\n [\n", "a.txt", Container.ARRAY),
        (b'["a", 1]\n{"a": 2}\n', "a.json", Container.LINES),
        (b'["a", "list"]\n', "a.jsonl", Container.LINES),
        (b"[\n", "a.jsonl", Container.ARRAY),
        (b"[]", "a.json", Container.ARRAY),
        (b'{\n  "a": 1\n}\n', "a.json", Container.OBJECTS),
        (b'{\n"a": 1\n}\n', "a.jsonl", Container.OBJECTS),
        (b'{"messages": [\n  {"role"', "a.jsonl", Container.OBJECTS),
        (b'{"messages": [\n{"messages": []}\n', "a.json", Container.LINES),
        (b"{\n{}\n", "a.jsonl", Container.LINES),
        (b"prompt,completion\na,b\n", "a.jsonl", Container.TABLE),
        (b"prompt\tcompletion\na\tb\n", "rows", Container.TABLE),
        (b"text\nhello\n", "a.csv", Container.TABLE),
        (b"text\nhello\n", "a.txt", Container.LINES),
        (b"temp [C],city {x}\n1,2\n", "a.CSV", Container.TABLE),
        (b'"messages": [{"role": "user", "content": "a"}]}\n', "a.jsonl", Container.LINES),
        (b'oops, broken\n{"messages": []}\n', "a.jsonl", Container.LINES),
        (b"caf\xe9,b\na,b\n", "a.csv", Container.LINES),
        ("prompt,completion\n".encode("utf-16"), "a.csv", Container.LINES),
        ("prompt,completion\n".encode("utf-16-le"), "a.csv", Container.LINES),
        (b"prompt,completion\na,\0\n", "a.csv", Container.TABLE),
        (b"\x01\x02\x03", "a.csv", Container.LINES),
        (b"PAR1....", "a.csv", Container.PARQUET),
        (b"ARROW1\0\0", "a", Container.ARROW),
        (b"\xff\xff\xff\xff\x40\x02", "a", Container.ARROW),
    ],
)
def test_the_content_tells(head: bytes, name: str, container: Container) -> None:
    assert detect_container(head, PurePath(name)) is container


@pytest.mark.parametrize(
    ("head", "kind", "hint"),
    [
        (b"PK\x03\x04....[Content_Types].xml....xl/workbook.xml", "an Excel workbook", "save the sheet as CSV"),
        (b"PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument", "as CSV"),
        (b"PK\x03\x04....word/document.xml", "a Word document", "plain text"),
        (b"PK\x03\x04....rows.jsonl", "a zip archive", "unzip rows.jsonl"),
        (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "as CSV"),
        (b"%PDF-1.7", "is a PDF", "name the file with the rows"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture", "name the file"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture", "name the file"),
        (b"\x28\xb5\x2f\xfd", "is a file packed by Zstandard", "zstd -d rows.jsonl"),
        (b"SQLite format 3\0", "an SQLite database", "sqlite3 -header -csv rows.jsonl"),
        (b"\x80\x04\x95", "a Python pickle", "runs code"),
        (b"a" * 257 + b"ustar", "a tar archive", "tar xf rows.jsonl"),
        (b"\xef\xbb\xbf <!DOCTYPE HTML>", "a web page", "login"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"),
    ],
)
def test_a_foreign_kind_is_named(head: bytes, kind: str, hint: str) -> None:
    with pytest.raises(InvalidDataset, match=kind) as refused:
        detect_container(head, PurePath("rows.jsonl"))
    assert hint in refused.value.hint
