from __future__ import annotations

from pathlib import Path

import pytest

from luthier.advise.retrieval import corpus as module
from luthier.advise.retrieval.corpus import read_corpus
from luthier.errors import FileMissing, InvalidDataset


def test_text_markdown_and_pages_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.txt").write_text("plain")
    (tmp_path / "a.md").write_text("# Head\n\nmarkdown")
    (tmp_path / "deep" / "c.html").write_text("<h1>Page</h1><p>markup</p>")
    corpus = read_corpus(tmp_path)
    assert corpus.documents == ("a.md", "b.txt", "deep/c.html")
    assert [passage.label for passage in corpus.passages] == ["a.md, Head", "b.txt", "deep/c.html, Page"]
    assert corpus.unread == ()


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_BYTES", 50)
    (tmp_path / "a.txt").write_text("good")
    (tmp_path / "b.pdf").write_bytes(b"%PDF")
    (tmp_path / "c.txt").write_bytes("Grüße".encode("latin-1"))
    (tmp_path / "d.txt").write_bytes(b"zero\0byte")
    (tmp_path / "e.txt").write_text("  \n")
    (tmp_path / "f.txt").write_text("long " * 20)
    unread = dict(read_corpus(tmp_path).unread)
    assert unread == {
        "b.pdf": ".pdf is not read",
        "c.txt": "not UTF-8",
        "d.txt": "not a text",
        "e.txt": "holds no text",
        "f.txt": "larger than 0 MB",
    }


def test_hidden_files_and_links_out_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "notes.txt").write_text("hidden")
    (tmp_path / "secret.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "a.txt").write_text("inside")
    assert [passage.text for passage in read_corpus(folder).passages] == ["inside"]


def test_a_folder_without_documents_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(InvalidDataset, match=r"no document that can be read \(a.pdf: .pdf is not read\)"):
        read_corpus(tmp_path)
    with pytest.raises(FileMissing, match="is no folder"):
        read_corpus(tmp_path / "absent")


def test_the_fingerprint_follows_the_text_and_not_the_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("same")
    one, two = read_corpus(tmp_path / "one"), read_corpus(tmp_path / "two")
    assert one.fingerprint == two.fingerprint
    (tmp_path / "two" / "a.txt").write_text("other")
    assert read_corpus(tmp_path / "two").fingerprint != one.fingerprint
