"""Files that cannot be trained on: OpenAI's codes, with sentences that name file and line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from luthier.jobs.job import JobError
from luthier.pipeline.fine_tuning.files import JobData, read_files
from luthier.store.user_files.shelf import delete_file
from tests.support.fine_tuning import order_tuning, upload, write_chats, write_preferences, write_rows

if TYPE_CHECKING:
    from luthier.store.home import Home

GOOD = write_chats(10)


def refuse(home: Home, training: bytes, validation: bytes | None = None, **changes: Any) -> JobError:
    found = read_files(home, order_tuning(home, "tiny", training, validation, **changes))
    assert isinstance(found, JobError)
    return found


def test_the_rows_of_good_files_keep_their_lines(home: Home) -> None:
    found = read_files(home, order_tuning(home, "tiny", GOOD, write_chats(2, start=10)))
    assert isinstance(found, JobData)
    assert [example.line for example in found.splits.train.examples] == list(range(1, 11))
    assert len(found.splits.validation.examples) == 2
    assert found.splits.test.examples == ()
    assert found.warnings == ()


def test_too_few_rows_are_refused_in_openai_s_words(home: Home) -> None:
    expected = JobError(
        "invalid_n_examples", "Training file has 7 example(s), but must have at least 10 examples", "training_file"
    )
    assert refuse(home, write_chats(7)) == expected
    empty = refuse(home, GOOD, b"")
    assert (empty.code, empty.param) == ("invalid_n_examples", "validation_file")


def test_a_line_that_is_no_json_is_an_error_of_format(home: Home) -> None:
    error = refuse(home, GOOD + b'{"messages": [\n')
    assert (error.code, error.param) == ("invalid_file_format", "training_file")
    assert error.message.startswith("The job failed due to a file format error in the training file. ")
    assert "rows.jsonl:11: " in error.message


def test_every_wrong_row_is_named_with_its_line(home: Home) -> None:
    rows = [json.loads(line) for line in GOOD.splitlines()]
    rows[1]["messages"].pop()
    rows[6]["messages"][0]["role"] = "sytem"
    error = refuse(home, write_rows(rows))
    assert (error.code, error.param) == ("invalid_training_file", "training_file")
    start, *sentences = error.message.split("Invalid file format. ")[1].split("\n")
    assert start.startswith("rows.jsonl:2: ")
    assert sentences[-1].startswith("rows.jsonl:7: ")


def test_a_validation_file_is_blamed_by_its_own_name(home: Home) -> None:
    error = refuse(home, GOOD, b"not json\n")
    assert (error.code, error.param) == ("invalid_file_format", "validation_file")
    assert "held-out.jsonl:1: " in error.message


def test_a_message_of_a_thousand_errors_stays_readable(home: Home) -> None:
    lines = refuse(home, b"no\n" * 1000).message.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 980 more: `luthier check FILE` lists them all"


def test_a_binary_file_is_named_as_its_owner_knows_it(home: Home) -> None:
    error = refuse(home, b"PK\x03\x04" + bytes(200))
    assert error.code == "invalid_file_format"
    assert str(home.path) not in error.message


@pytest.mark.parametrize(
    ("method", "content", "found", "wanted"),
    [
        ("dpo", GOOD, "fine-tune-chat", "supervised"),
        ("supervised", write_preferences(10), "fine-tune-preference", "dpo"),
    ],
)
def test_a_file_for_another_method_is_refused(home: Home, method: str, content: bytes, found: str, wanted: str) -> None:
    error = refuse(home, content, method=method)
    assert (error.code, error.param) == ("invalid_training_file", "training_file")
    assert f"is in the {found} format, but the specified fine-tuning job is not using '{wanted}'" in error.message
    assert error.message.endswith(f"(provided method={method}).")


def test_a_file_that_is_gone_is_said_to_be(home: Home) -> None:
    job = order_tuning(home, "tiny", GOOD)
    gone = upload(home, GOOD)
    delete_file(home, gone)
    error = read_files(home, order_tuning(home, "tiny", GOOD, training_file=gone))
    assert isinstance(error, JobError)
    assert error.param == "training_file"
    assert gone in error.message
    assert isinstance(read_files(home, job), JobData)


def test_validation_rows_that_were_trained_on_are_pointed_out(home: Home) -> None:
    found = read_files(home, order_tuning(home, "tiny", GOOD, GOOD))
    assert isinstance(found, JobData)
    assert found.warnings == (
        "10 of 10 validation examples ask what a training example asks, first in line 1: the validation loss will "
        "look better than it is",
    )
