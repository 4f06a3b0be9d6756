"""A folder of documents goes in, passages with their sources come out; what cannot be read is named, not skipped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from luthier.advise.retrieval.markup import read_page
from luthier.advise.retrieval.passages import cut_document
from luthier.conversation import fingerprint_json
from luthier.errors import FileMissing, InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.advise.retrieval.passages import Passage

PLAIN = frozenset({".txt", ".text", ".rst"})
MARKDOWN = frozenset({".md", ".markdown"})
PAGES = frozenset({".html", ".htm", ".xhtml"})
READ = PLAIN | MARKDOWN | PAGES

LARGEST_BYTES = 20_000_000
"""Of one file; a longer text is a dump of data and no document."""


class UnreadFile(NamedTuple):
    path: str
    reason: str


@dataclass(frozen=True)
class Corpus:
    """`documents` are the paths, below the folder, of those that passages came from."""

    name: str
    passages: tuple[Passage, ...]
    documents: tuple[str, ...]
    unread: tuple[UnreadFile, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Of what can be found: the same passages from another folder are the same corpus."""
        return fingerprint_json([[passage.source, passage.heading, passage.text] for passage in self.passages])


def read_corpus(folder: Path) -> Corpus:
    """Reads text, Markdown and HTML below the folder, in the order of their paths. Hidden files and links that lead out
    of the folder are left alone. Raises FileMissing, or InvalidDataset when there is nothing to search in.
    """
    if not folder.is_dir():
        raise FileMissing(f"{folder} is no folder", hint="name the folder that holds the documents")
    passages: list[Passage] = []
    unread: list[UnreadFile] = []
    for path in list_files(folder):
        source = path.relative_to(folder).as_posix()
        found = read_document(path, source)
        if isinstance(found, UnreadFile):
            unread.append(found)
        else:
            passages += found
    if not passages:
        told = "; ".join(f"{file.path}: {file.reason}" for file in unread[:3])
        raise InvalidDataset(
            f"{folder} holds no document that can be read" + (f" ({told})" if told else ""),
            hint=f"documents end in {', '.join(sorted(READ))}",
        )
    documents = tuple(dict.fromkeys(passage.source for passage in passages))
    return Corpus(folder.name, tuple(passages), documents, tuple(unread))


def list_files(folder: Path) -> Iterator[Path]:
    top = folder.resolve()
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not is_hidden and path.is_file() and path.resolve().is_relative_to(top):
            yield path


def read_document(path: Path, source: str) -> tuple[Passage, ...] | UnreadFile:
    suffix = path.suffix.lower()
    if suffix not in READ:
        return UnreadFile(source, f"{suffix or 'a file without an ending'} is not read")
    try:
        if path.stat().st_size > LARGEST_BYTES:
            return UnreadFile(source, f"larger than {LARGEST_BYTES // 1_000_000} MB")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        return UnreadFile(source, (error.strerror or "cannot be read").lower())
    except UnicodeDecodeError:
        return UnreadFile(source, "not UTF-8")
    if "\0" in text:
        return UnreadFile(source, "not a text")
    text = read_page(text) if suffix in PAGES else text
    passages = cut_document(text, source, has_headings=suffix not in PLAIN)
    return passages or UnreadFile(source, "holds no text")
