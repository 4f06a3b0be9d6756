"""Files that a job may be made of, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import InvalidRequest
from luthier.jobs.ordering import require_rows
from luthier.store.home import Home
from luthier.store.user_files.shelf import delete_file, keep_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.settings import Settings


@pytest.fixture
def home(settings: Settings) -> Iterator[Home]:
    home = Home(settings)
    yield home
    home.database.close()


def keep(home: Home, purpose: str) -> str:
    return keep_file(home, b"{}\n", filename="rows.jsonl", purpose=purpose).id


def test_a_file_that_was_uploaded_for_training_will_do(home: Home) -> None:
    require_rows(home.database, "training_file", keep(home, "fine-tune"))


def test_a_file_for_something_else_does_not_and_says_for_what(home: Home) -> None:
    file_id = keep(home, "fine-tune-results")
    with pytest.raises(InvalidRequest, match=f"invalid validation_file: {file_id} was uploaded for fine-tune-results"):
        require_rows(home.database, "validation_file", file_id)


def test_neither_does_one_that_was_deleted_or_never_was(home: Home) -> None:
    deleted = keep(home, "fine-tune")
    delete_file(home, deleted)
    for file_id in (deleted, "foobar", "", "nul\0"):
        with pytest.raises(InvalidRequest, match="invalid training_file: "):
            require_rows(home.database, "training_file", file_id)
