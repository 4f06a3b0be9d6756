"""A model of this machine and a hosted one, in one comparison."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import luthier
from luthier.data.splits.folder import to_jsonl
from luthier.engine.remote.address import is_remote
from luthier.engine.remote_engine import RemoteEngine
from luthier.engine.routing import Route, RoutingEngine
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.pipeline.progress import Progress
from luthier.settings import Settings
from tests.support.chats import make_dataset
from tests.support.openai_server import OpenAIServer, answer, error_reply, json_reply

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.conversation import Message
    from luthier.store.home import Home

PRICES = """
[[price]]
url = "{url}"
model = "m"
input = 1.0
output = 2.0
seen = 2026-11-23
source = "a contract"
"""


def answer_rightly(messages: tuple[Message, ...]) -> str:
    return json.dumps({"colour": messages[-1].content.split()[2]})


def test_a_local_and_a_hosted_model_are_compared_with_what_the_hosted_one_cost(tmp_path: Path, home: Home) -> None:
    chats, prices = tmp_path / "chats.jsonl", tmp_path / "prices.toml"
    chats.write_text(to_jsonl(make_dataset(20)))
    told: list[str] = []
    with OpenAIServer(json_reply(answer('{"colour": "none"}')), error_reply(400, "not today")) as server:
        server.script.extendleft([json_reply(answer('{"colour": "none"}'))] * 18)
        prices.write_text(PRICES.format(url=server.url))
        settings = Settings(endpoint_prices=str(prices), endpoint_requests_in_flight=1)
        routes = [
            Route(is_remote, lambda: RemoteEngine(settings, is_streaming=False)),
            Route(lambda model: True, lambda: ScriptedEngine({"mine": answer_rightly})),
        ]
        hosted = f"{server.url}#m"
        engine = RoutingEngine(routes)
        report = luthier.compare(
            hosted, "mine", chats, grader="json", engine=engine, home=home, progress=Progress(announce=told.append)
        )
        asked = len(server.chats)
        luthier.evaluate(hosted, chats, grader="json", engine=engine, home=home)
        engine.close()
    before, after = report.results
    assert (before.passed, before.failed, before.unanswered, after.passed) == (0, 19, 1, 20)
    assert before.cost_dollars is not None
    assert round(before.cost_dollars, 9) == 19 * (9 * 1.0 + 3 * 2.0) / 1e6
    assert after.cost_dollars == 0.0
    assert before.manifest.engine == "remote/chat-completions"
    assert before.manifest.template_hash != after.manifest.template_hash
    assert f"{hosted} is priced by a contract, read on 2026-11-23" in told[-1]
    assert (asked, len(server.chats)) == (20, 21)  # only what was not answered is asked for again
