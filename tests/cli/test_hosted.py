"""Models of somebody else's server stand beside those of this machine, with what they cost and what they left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.openai_server import OpenAIServer, answer, error_reply, json_reply, part, stream_reply, usage_part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

TOO_LONG = error_reply(400, "This model's maximum context length is 8 tokens.", code="context_length_exceeded")
PRICE = '[[price]]\nurl = "{}"\nmodel = "m"\ninput = 1000\noutput = 2000\nseen = 2026-01-01\nsource = "a test"\n'


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """Its first answer is that the prompt is too long; an answer costs 9 * 0.001 and 3 * 0.002 dollars."""
    with OpenAIServer(TOO_LONG, json_reply(answer("from afar"))) as server:
        (tmp_path / "prices.toml").write_text(PRICE.format(server.url))
        monkeypatch.setenv("LUTHIER_ENDPOINT_PRICES", str(tmp_path / "prices.toml"))
        yield server


def test_a_hosted_model_is_compared_with_one_of_this_machine(
    call: Call, server: OpenAIServer, orders: Path, tiny_base: Base, tmp_path: Path
) -> None:
    hosted = f"{server.url}#m"
    command = ("eval", "--model", tiny_base.name, "--model", hosted, "--data", orders, "--grader", "regex:afar")
    outcome = call(*command, "--max-tokens", "4", "--report", tmp_path / "report.html", "--json")
    assert outcome.code == 0, outcome.err
    local, remote = (outcome.document["models"][name] for name in (tiny_base.name, hosted))
    assert (local["unanswered"], local["cost_dollars"]) == (0, 0)
    assert (remote["passed"], remote["unanswered"], remote["total"]) == (29, 1, 30)
    assert remote["cost_dollars"] == pytest.approx(29 * 0.015)
    assert outcome.document["comparison"]["unanswered"] == 1
    assert outcome.document["verdict"]["decision"] == "ship"
    assert outcome.document["same_prompts"] is False
    assert f"answers of {hosted} 30 of 30" in outcome.err
    page = (tmp_path / "report.html").read_text()
    assert "different engines" in page
    assert "No answer" in page

    assert len(server.chats) == 30
    told = call(*command, "--max-tokens", "4")
    assert len(server.chats) == 31, "only what was not answered is asked for again"
    heading, first, second = (line.split("  ") for line in told.out.splitlines()[:3])
    assert heading[-1].strip() == "cost"
    assert (first[-1].strip(), second[-1].strip()) == ("$0.00", "$0.45")
    assert "measured by different engines, torch-" in told.out


def test_a_server_that_knows_no_such_model_ends_the_evaluation(call: Call, server: OpenAIServer, orders: Path) -> None:
    outcome = call("eval", "--model", f"{server.url}#n", "--data", orders, "--json")
    assert (outcome.code, outcome.document["error"]["code"]) == (2, "unknown_model")
    assert server.chats == []


def test_a_hosted_model_can_be_asked(call: Call, server: OpenAIServer) -> None:
    server.script.popleft()
    told = call("chat", f"{server.url}#m", "--message", "hello", "--stop", "x", "--top-p", "0.5", "--json").document
    assert (told["content"], told["usage"]["total_tokens"]) == ("from afar", 12)
    assert told["cost_dollars"] == pytest.approx(0.015)
    assert (server.chats[0].body["stop"], server.chats[0].body["top_p"]) == (["x"], 0.5)


@pytest.mark.usefixtures("home_folder")
def test_what_a_hosted_model_says_is_a_stream_for_who_reads_along(server: OpenAIServer) -> None:
    import luthier

    server.script.clear()
    server.script.append(stream_reply(part("from "), part("afar"), part(finish="stop"), usage_part()))
    pieces = luthier.stream(f"{server.url}#m", "hello")
    assert [piece.text for piece in pieces] == ["from ", "afar"]
    assert server.chats[0].body["stream"] is True
