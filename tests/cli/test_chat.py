"""`chat` answers once or as long as it is asked, with the system prompt it was trained with unless told otherwise."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from luthier.data.examples.orders import SYSTEM_PROMPT
from tests.cli.conftest import call_process, environment
from tests.support.openai_server import OpenAIServer, answer, json_reply

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

FEW_TOKENS = ("--max-tokens", "4")


def test_an_answer_has_the_words_of_the_api(call_tuned: Call) -> None:
    outcome = call_tuned("chat", "tiny-orders", "--message", "hello", *FEW_TOKENS, "--json")
    answer = outcome.document
    assert set(answer) == {"model", "content", "finish_reason", "usage"}
    assert (answer["model"], answer["finish_reason"]) == ("tiny-orders", "length")
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] == 4


def test_stdout_holds_the_content_alone(call_tuned: Call) -> None:
    question = ("chat", "tiny-orders", "--message", "hello", *FEW_TOKENS)
    assert call_tuned(*question).out == call_tuned(*question, "--json").document["content"] + "\n"


def test_the_trained_system_prompt_is_used_and_told(call_tuned: Call) -> None:
    question = ("chat", "tiny-orders", "--message", "hello", *FEW_TOKENS, "--json")
    trained = call_tuned(*question)
    assert SYSTEM_PROMPT in trained.err
    assert call_tuned(*question, "--system", SYSTEM_PROMPT).document == trained.document
    without = call_tuned(*question, "--system", "")
    assert without.err == ""
    assert without.document["usage"]["prompt_tokens"] < trained.document["usage"]["prompt_tokens"]


def test_a_base_can_be_asked_too(call_tuned: Call, tiny_base: Base) -> None:
    assert call_tuned("chat", tiny_base.name, "--message", "hello", *FEW_TOKENS, "--json").err == ""


def test_a_message_can_come_from_stdin(call_tuned: Call, tuned_home: Path) -> None:
    piped = call_process(tuned_home, "chat", "tiny-orders", "--message", "-", *FEW_TOKENS, input="hello\n")
    assert piped.out == call_tuned("chat", "tiny-orders", "--message", "hello", *FEW_TOKENS).out


def test_an_empty_message_is_refused(tuned_home: Path) -> None:
    outcome = call_process(tuned_home, "chat", "tiny-orders", "--message", "-", "--json", input="\n")
    assert (outcome.code, outcome.document["error"]["message"]) == (2, "the message is empty")


def test_a_conversation_lasts_until_its_end(tuned_home: Path) -> None:
    told = converse(tuned_home, ["hello", "x" * 1200, "/system be brief", "hello again", "/exit"])
    assert told.count("a new conversation") == 1
    assert "error: this model's maximum context length is" in told
    assert "Traceback" not in told


def test_ctrl_d_ends_a_conversation(tuned_home: Path) -> None:
    assert "Traceback" not in converse(tuned_home, ["\x04"])


def test_what_a_model_says_does_not_move_the_cursor(tuned_home: Path) -> None:
    with OpenAIServer(json_reply(answer("one \x1b[2J two"))) as server:
        told = converse(tuned_home, [], "chat", f"{server.url}#m", "--message", "hello")
    assert "one ⟨U+001B⟩[2J two" in told


def converse(home: Path, lines: list[str], *command: str) -> str:
    """What the terminal shows; each line is typed when the prompt stands. The exit code must be 0."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "luthier", *(command or ("chat", "tiny-orders", *FEW_TOKENS))],
        env=environment(home, TERM="dumb"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    waiting, told = list(lines), b""
    while True:
        try:
            told += os.read(ours, 4096)
        except OSError:  # Linux says so when the other end has closed
            break
        if waiting and told.count(b"you: ") > len(lines) - len(waiting):
            line = waiting.pop(0)
            os.write(ours, line.encode() if line == "\x04" else line.encode() + b"\n")
    os.close(ours)
    assert process.wait(timeout=300) == 0
    return told.decode(errors="replace")
