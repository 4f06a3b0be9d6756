"""A multipart request becomes its fields and one file on disk, in the memory of one block whatever its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from luthier.server.limits import allow_body
from luthier.server.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from luthier.store.user_files.incoming import Incoming

BLOCK_BYTES = 1 << 20
ENVELOPE_BYTES = 256 << 10
"""Room for all that stands around the file: boundaries, headers, other fields."""

MOST_FIELDS = 32
LONGEST_FIELD = 4096  # bytes
UNNAMED = "upload"


class Form(NamedTuple):
    """`fields` are texts; `filename` is what the client called the file."""

    fields: dict[str, str]
    filename: str


async def receive_form(request: Request, incoming: Incoming, *, file_field: str, largest_bytes: int) -> Form:
    """Fills `incoming` with the field `file_field`. Raises Problem for a body that is none such, and DiskFull.

    Reading, hashing and writing are done in threads, a block at a time, so that a slow disk holds up nobody else.
    """
    reader = FormReader(_read_boundary(request), incoming, file_field=file_field, largest_bytes=largest_bytes)
    allow_body(request, largest_bytes + ENVELOPE_BYTES)
    block = bytearray()
    try:
        async for piece in request.stream():
            block += piece
            if len(block) >= BLOCK_BYTES:
                await run_in_threadpool(reader.write, bytes(block))
                block.clear()
    except ClientDisconnect as error:
        raise Problem(400, "the connection was closed before the whole body had come") from error
    await run_in_threadpool(reader.write, bytes(block))
    return reader.finish()


class FormReader:
    """Takes the body in pieces cut anywhere. A field counts as the file by its name alone, with a filename or not."""

    def __init__(self, boundary: bytes, incoming: Incoming, *, file_field: str, largest_bytes: int) -> None:
        self._incoming = incoming
        self._file_field = file_field
        self._largest_bytes = largest_bytes
        self._fields: dict[str, bytearray] = {}
        self._filename: str | None = None
        self._field = ""
        self._header, self._value, self._disposition = bytearray(), bytearray(), b""
        self._is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_part,
                "on_part_data": self._add_data,
                "on_end": self._end,
            },
        )

    def write(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise Problem(400, "the body is not the multipart form that its Content-Type announces") from error

    def finish(self) -> Form:
        if not self._is_complete:
            raise Problem(400, "the multipart body ends before its last boundary")
        if self._filename is None:
            message = f"Missing required parameter: '{self._file_field}'."
            raise Problem(400, message, param=self._file_field, code="missing_required_parameter")
        return Form({name: _decode(bytes(value)) for name, value in self._fields.items()}, self._filename)

    def _begin_part(self) -> None:
        self._disposition = b""

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _open_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = _decode(options.get(b"name", b""))
        is_file = self._field == self._file_field
        if self._field in self._fields or (is_file and self._filename is not None):
            raise Problem(400, f"Repeated parameter: '{self._field}'.", param=self._field, code="invalid_value")
        if is_file:
            self._filename = _decode(options.get(b"filename", b"")) or UNNAMED
        elif len(self._fields) < MOST_FIELDS:
            self._fields[self._field] = bytearray()
        else:
            raise Problem(400, f"the form has more than {MOST_FIELDS} fields")

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._field == self._file_field:
            if self._incoming.size_bytes + end - start > self._largest_bytes:
                message = f"the largest {self._file_field} that is taken here has {self._largest_bytes} bytes"
                raise Problem(413, message, param=self._file_field, code="file_too_large")
            self._incoming.write(data[start:end])
            return
        value = self._fields[self._field]
        value += data[start:end]
        if len(value) > LONGEST_FIELD:
            raise Problem(400, f"Invalid '{self._field}': it is too long", param=self._field, code="invalid_value")

    def _end(self) -> None:
        self._is_complete = True


def _read_boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    # RFC 2046 ends it at 70 characters.
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise Problem(400, "the body has to be multipart/form-data with a boundary", param=None)
    return boundary


def _decode(text: bytes) -> str:
    """The names that clients write are UTF-8, whatever the standard once said; any other byte stands for itself."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
