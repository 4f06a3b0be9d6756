"""Whatever a client cuts a form into, the same file and fields come out; what is no form is refused in words."""

from __future__ import annotations

import asyncio
import tracemalloc
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest
from starlette.requests import Request

from luthier.server.multipart import Form, FormReader, receive_form
from luthier.server.problems import Problem
from luthier.store.user_files.contents import Contents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.store.home import Home
    from luthier.store.user_files.incoming import Incoming

CONTENT = b"\r\n--not the boundary\r\n--edg\r\n\r\n--\xff\x00\r\n"


@pytest.fixture
def incoming(home: Home) -> Iterator[Incoming]:
    with Contents(home).receive() as incoming:
        yield incoming


def part(disposition: str, content: bytes) -> bytes:
    return b"--edge\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (disposition.encode(), content)


def read(incoming: Incoming, body: bytes, *, step: int = 10**6, largest_bytes: int = 10**6) -> Form:
    reader = FormReader(b"edge", incoming, file_field="file", largest_bytes=largest_bytes)
    for start in range(0, len(body), step):
        reader.write(body[start : start + step])
    form = reader.finish()
    incoming.finish()
    return form


PURPOSE = part('name="purpose"', b"fine-tune")
FILE = part('name="file"; filename="rows.jsonl"', CONTENT)
END = b"--edge--\r\n"


@pytest.mark.parametrize("body", [PURPOSE + FILE + END, FILE + PURPOSE + END, FILE + PURPOSE + END + b"\r\n"])
def test_a_form_is_the_same_wherever_it_is_cut(home: Home, body: bytes) -> None:
    for step in (1, 2, 3, 7, 50, len(body)):
        with Contents(home).receive() as incoming:
            assert read(incoming, body, step=step) == Form({"purpose": "fine-tune"}, "rows.jsonl")
            assert incoming.path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('name="file"; filename="рядки é.jsonl"', "рядки é.jsonl"),
        ('name="file"; filename="a\\"b.jsonl"', 'a"b.jsonl'),
        ("name=file; filename=rows.jsonl", "rows.jsonl"),
        ('name="file"', "upload"),
        ('name="file"; filename=""', "upload"),
    ],
)
def test_the_name_of_the_file_is_what_the_client_wrote(incoming: Incoming, disposition: str, filename: str) -> None:
    assert read(incoming, part(disposition, b"x") + END).filename == filename


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (PURPOSE + END, 400, "Missing required parameter: 'file'."),
        (FILE + FILE + END, 400, "Repeated parameter: 'file'."),
        (PURPOSE + PURPOSE + FILE + END, 400, "Repeated parameter: 'purpose'."),
        (PURPOSE + FILE, 400, "ends before its last boundary"),
        (FILE[:-20], 400, "ends before its last boundary"),
        (b"", 400, "ends before its last boundary"),
        (b"{}", 400, "is not the multipart form"),
        (part('name="a"', b"x" * 5000) + FILE + END, 400, "Invalid 'a': it is too long"),
        (b"".join(part(f'name="{n}"', b"x") for n in range(33)) + FILE + END, 400, "more than 32 fields"),
        (part('name="file"', b"x" * 101) + END, 413, "the largest file that is taken here has 100 bytes"),
    ],
)
def test_what_is_no_such_form_is_refused(incoming: Incoming, body: bytes, status: int, message: str) -> None:
    with pytest.raises(Problem) as caught:
        read(incoming, body, largest_bytes=100)
    assert caught.value.status_code == status
    assert message in caught.value.message


def test_a_file_of_just_the_largest_size_is_taken(incoming: Incoming) -> None:
    read(incoming, part('name="file"', b"x" * 100) + END, largest_bytes=100)
    assert incoming.size_bytes == 100


def test_a_large_body_passes_through_the_memory_of_a_few_blocks(incoming: Incoming) -> None:
    size, piece = 64 << 20, 64 << 10
    pieces = [PURPOSE + part('name="file"; filename="rows.jsonl"', b"").removesuffix(b"\r\n")]
    messages = chain(pieces, repeat(b"x" * piece, size // piece), [b"\r\n" + END])

    async def receive() -> dict[str, object]:
        body = next(messages, None)
        return {"type": "http.request", "body": body or b"", "more_body": body is not None}

    headers = [(b"content-type", b"multipart/form-data; boundary=edge")]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)
    tracemalloc.start()
    try:
        form = asyncio.run(receive_form(request, incoming, file_field="file", largest_bytes=size))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert form == Form({"purpose": "fine-tune"}, "rows.jsonl")
    assert incoming.size_bytes == size
    assert peak < 8 << 20
