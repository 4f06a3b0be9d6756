"""A path becomes an open stream of bytes, unpacked where it was gzipped, with its first bytes still to be read."""

from __future__ import annotations

import gzip
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.jsonl import BUFFER_BYTES, open_file
from luthier.data.readers.container import GZIP, Container, detect_container

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Source(NamedTuple):
    """`file` stands at its first byte; it may be a pipe, so it is read once and forwards."""

    file: io.BufferedReader[Any]
    container: Container


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Raises FileMissing, or InvalidDataset for what holds no rows; EOFError or zlib.error for a damaged gzip."""
    with open_file(path) as file:
        if not file.peek().startswith(GZIP):
            yield Source(file, detect_container(file.peek(), path))
            return
        with io.BufferedReader(gzip.GzipFile(fileobj=file), BUFFER_BYTES) as unpacked:
            yield Source(unpacked, detect_container(unpacked.peek(), path.with_suffix("")))
