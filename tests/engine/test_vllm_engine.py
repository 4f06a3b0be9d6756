"""vLLM as an engine: against a program that behaves like it, started and watched for real, and against vLLM itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from pydantic import SecretStr

from luthier.conversation import Message
from luthier.engine.asking import ask, generate
from luthier.engine.protocol import Alternative, Request, Sampling, Structure
from luthier.engine.torch_engine import TorchEngine
from luthier.engine.vllm.options import VllmOptions
from luthier.engine.vllm_engine import VllmEngine
from luthier.errors import (
    AnswerTooLong,
    DeadlineExceeded,
    EngineUnavailable,
    InvalidRequest,
    InvalidStructure,
    LuthierError,
    PromptTooLong,
    RequestCancelled,
    StoreDamaged,
    UnknownModel,
)
from luthier.models.lora import ADAPTER_FILE
from luthier.models.registry import resolve_model
from luthier.models.settings import LoraSettings
from luthier.settings import load_settings
from tests.support.adapters import AdapterMaker
from tests.support.fake_vllm import CONTEXT_LENGTH, KNOWN_TOKENS, VERSION, read_journal, write_program
from tests.support.tiny import save_base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.engine.protocol import Response
    from luthier.models.catalog import Base
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home

REAL_VLLM = shutil.which(load_settings().vllm_command)
SHAPE = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
PATIENCE_SECONDS = 300
WORD = Structure("choice", '["yes", "no"]')


class Start(Protocol):
    def __call__(self, *arguments: str, **options: Any) -> VllmEngine: ...


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def said() -> list[str]:
    """What engines announce."""
    return []


@pytest.fixture
def start(home: Home, tmp_path: Path, journal: Path, said: list[str]) -> Iterator[Start]:
    """Engines on the fake program, which gets the `arguments`."""
    command = str(write_program(tmp_path / "bin"))
    engines: list[VllmEngine] = []

    def start(*arguments: str, **options: Any) -> VllmEngine:
        chosen = {"command": command, "arguments": ("--journal", str(journal), *arguments), "precision": "float32"}
        engine = VllmEngine(
            lambda name: resolve_model(home, name),
            options=VllmOptions(**(chosen | options)),
            log_folder=tmp_path / "logs",
            announce=said.append,
        )
        engines.append(engine)
        return engine

    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def maker(home: Home, tiny_base: Base) -> AdapterMaker:
    return AdapterMaker(home, tiny_base)


def make_request(model: str, text: str = "hi", *, max_tokens: int = 200, **more: Any) -> Request:
    return Request(model, (Message("user", text),), more.pop("sampling", Sampling(max_tokens=max_tokens)), **more)


def answer(engine: VllmEngine, *requests: Request) -> list[Response | LuthierError]:
    return ask(engine, requests)


def answer_text(engine: VllmEngine, request: Request) -> str:
    return engine.submit(request).wait(PATIENCE_SECONDS).text


def served_name(tuned: TunedModel) -> str:
    return f"{tuned.name}-{tuned.card.weights_hash[:16]}"


def list_paths(journal: Path, *paths: str) -> list[tuple[str, str]]:
    """What was asked of the adapters, in order."""
    entries = read_journal(journal)
    return [(entry["path"], entry["body"]["lora_name"]) for entry in entries if entry["path"] in paths]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.05)


def test_a_base_and_its_adapters_answer_from_one_server_by_names_of_their_weights(
    start: Start, maker: AdapterMaker, tiny_base: Base, journal: Path
) -> None:
    engine = start()
    tuned = [maker.keep("first"), maker.keep("second.v2")]
    names = [tiny_base.name, *(each.name for each in tuned)]
    answers = answer(engine, *(make_request(name) for name in names))
    texts = [each.text for each in answers if not isinstance(each, LuthierError)]
    assert texts == [tiny_base.name, *map(served_name, tuned)]
    assert [entry["path"] for entry in read_journal(journal)].count("started") == 1


def test_what_is_sent_are_the_tokens_of_our_own_template_and_every_choice(
    start: Start, tiny_base: Base, journal: Path, home: Home
) -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=7, seed=4, max_tokens=5, logit_bias=((3, -2.0),))
    engine, request = start(), make_request(tiny_base.name, "what?", sampling=sampling)
    response = engine.submit(request).wait(PATIENCE_SECONDS)
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32") as embedded:
        assert embedded.hash_prompt(request) == response.prompt_hash == engine.hash_prompt(request)
        assert embedded.identify(tiny_base.name) == engine.identify(tiny_base.name)
        assert embedded.submit(request).wait(PATIENCE_SECONDS).prompt_hash == response.prompt_hash
    body = read_journal(journal)[-1]["body"]
    assert len(body["prompt"]) == response.prompt_tokens
    chosen = {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "seed": 4, "max_tokens": 5, "logit_bias": {"3": -2.0}}
    assert body.items() >= {**chosen, "repetition_penalty": 1.0, "min_p": 0.0, "ignore_eos": True}.items()


def test_a_prompt_that_cannot_be_read_has_no_hash(start: Start, tiny_base: Base) -> None:
    with pytest.raises(InvalidRequest, match="half a character"):
        start().hash_prompt(make_request(tiny_base.name, "half a \ud83d"))


def test_an_answer_comes_in_pieces_and_counts_what_was_known_of_the_prompt(start: Start, tiny_base: Base) -> None:
    engine = start("--answer", "straight")
    reply = engine.submit(make_request(tiny_base.name, sampling=Sampling(top_log_probs=2)))
    pieces = list(reply)
    response = reply.wait(0)
    assert len(pieces) > 3
    assert "".join(piece.text for piece in pieces) == response.text == "straight"
    assert (response.finish_reason, response.completion_tokens, response.cached_tokens) == ("stop", 9, KNOWN_TOKENS)
    first = response.log_probs[0]
    assert (first.token, first.log_prob, len(first.alternatives)) == ("s", -0.5, 2)
    assert first.alternatives[0] == Alternative("s", -0.5, (ord("s"),))


def test_answers_end_at_stop_texts_and_at_max_tokens(start: Start, tiny_base: Base) -> None:
    engine = start("--answer", "one,two,three", "--token-seconds", "0.01")
    cut = engine.submit(make_request(tiny_base.name, sampling=Sampling(stop=(",th",)))).wait(PATIENCE_SECONDS)
    short = engine.submit(make_request(tiny_base.name, max_tokens=4)).wait(PATIENCE_SECONDS)
    assert (cut.text, cut.finish_reason) == ("one,two", "stop")
    assert (short.text, short.finish_reason, short.completion_tokens) == ("one,", "length", 4)


def test_a_structure_reaches_the_server_as_the_grammar_that_the_embedded_engine_follows(
    start: Start, tiny_base: Base, journal: Path
) -> None:
    engine = start("--answer", "yes")
    assert answer_text(engine, make_request(tiny_base.name, structure=WORD)) == "yes"
    grammar = read_journal(journal)[-1]["body"]["structured_outputs"]["grammar"]
    assert grammar.startswith("start: ")
    assert "yes|no" in grammar


def test_an_answer_that_does_not_keep_to_the_structure_is_an_error(start: Start, tiny_base: Base) -> None:
    [outcome] = answer(start("--answer", "maybe"), make_request(tiny_base.name, structure=WORD))
    assert isinstance(outcome, InvalidStructure)


def test_wrong_requests_fail_alone_and_with_the_errors_of_the_embedded_engine(start: Start, tiny_base: Base) -> None:
    engine, name = start(), tiny_base.name
    good = make_request(name)
    wrong = [
        make_request("nobody"),
        make_request(name, "long " * CONTEXT_LENGTH),
        make_request(name, max_tokens=CONTEXT_LENGTH + 1),
        make_request(name, structure=Structure("regex", "[a")),
        Request(name, (), Sampling()),
    ]
    outcomes = answer(engine, good, *wrong, good)
    kinds = [type(outcome) for outcome in outcomes[1:-1]]
    assert kinds == [UnknownModel, PromptTooLong, AnswerTooLong, InvalidStructure, InvalidRequest]
    assert outcomes[0] == outcomes[-1]


def test_the_least_recently_used_adapter_is_unloaded_beyond_the_limit(
    start: Start, maker: AdapterMaker, journal: Path
) -> None:
    engine = start(adapters_kept=2)
    first, second, third = (maker.keep(name) for name in ("first", "second", "third"))
    for tuned in (first, second, first, third, first):
        assert answer_text(engine, make_request(tuned.name)) == served_name(tuned)
    load, unload = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"
    steps = [(load, first), (load, second), (unload, second), (load, third)]
    assert list_paths(journal, load, unload) == [(path, served_name(tuned)) for path, tuned in steps]


def test_more_adapters_at_once_than_there_is_room_for_take_turns(start: Start, maker: AdapterMaker) -> None:
    engine = start("--token-seconds", "0.005", adapters_kept=1)
    tuned = [maker.keep(f"model{number}") for number in range(3)]
    answers = answer(engine, *(make_request(each.name) for each in tuned * 2))
    texts = [each.text for each in answers if not isinstance(each, LuthierError)]
    assert texts == [served_name(each) for each in tuned * 2]


def test_a_model_tuned_again_is_another_adapter(start: Start, maker: AdapterMaker) -> None:
    engine, old = start(), maker.keep("model")
    before = answer_text(engine, make_request("model"))
    new = maker.replace(old)
    assert before == served_name(old) != served_name(new) == answer_text(engine, make_request("model"))


def test_a_higher_rank_starts_the_server_again(
    start: Start, home: Home, maker: AdapterMaker, tiny_base: Base, journal: Path, said: list[str]
) -> None:
    engine, low = start(), maker.keep("low")
    high = AdapterMaker(home, tiny_base, settings=LoraSettings(r=20)).keep("high")
    for tuned in (low, high, low):
        assert answer_text(engine, make_request(tuned.name)) == served_name(tuned)
    started = [entry["pid"] for entry in read_journal(journal) if entry["path"] == "started"]
    assert len(started) == 2
    assert "vLLM has to start again for adapters of rank 20" in said
    wait_until_gone(started[0])


def test_a_damaged_adapter_is_refused_before_vllm_sees_it(start: Start, maker: AdapterMaker, journal: Path) -> None:
    tuned, other = maker.keep("model"), maker.keep("other")
    shutil.copy(other.folder / ADAPTER_FILE, tuned.folder / ADAPTER_FILE)
    outcomes = answer(start(), make_request("model"), make_request("other"))
    assert isinstance(outcomes[0], StoreDamaged)
    assert not isinstance(outcomes[1], LuthierError)
    assert list_paths(journal, "/v1/load_lora_adapter") == [("/v1/load_lora_adapter", served_name(other))]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (LoraSettings(tuning="qlora", r=4), "was trained on four-bit weights"),
        (LoraSettings(use_dora=True, r=4), "is a DoRA adapter"),
    ],
)
def test_what_vllm_would_serve_as_something_else_is_refused_and_nothing_is_started(
    settings: LoraSettings, reason: str, start: Start, home: Home, tiny_base: Base, journal: Path
) -> None:
    tuned = AdapterMaker(home, tiny_base, settings=settings).keep("model")
    [outcome] = answer(start(), make_request(tuned.name))
    assert isinstance(outcome, EngineUnavailable)
    assert reason in outcome.message
    assert "embedded engine" in outcome.hint
    assert not journal.exists()


def test_another_base_takes_the_place_of_the_one_that_was_used_least_recently(
    start: Start, tiny_base: Base, tmp_path: Path, journal: Path
) -> None:
    engine, other = start(), str(save_base(tmp_path / "other", seed=1))
    names = [tiny_base.name, other, tiny_base.name]
    assert [answer_text(engine, make_request(name)) for name in names] == names
    started = [entry for entry in read_journal(journal) if entry["path"] == "started"]
    assert [entry["folder"] for entry in started] == names
    wait_until_gone(started[1]["pid"])


def test_two_servers_stay_where_two_are_allowed(start: Start, tiny_base: Base, tmp_path: Path, journal: Path) -> None:
    engine, other = start(servers=2), str(save_base(tmp_path / "other", seed=1))
    for name in (tiny_base.name, other, tiny_base.name):
        assert answer_text(engine, make_request(name)) == name
    assert len([entry for entry in read_journal(journal) if entry["path"] == "started"]) == 2


def test_a_crash_fails_what_was_asked_with_the_log_and_the_next_request_starts_it_once_more(
    start: Start, tiny_base: Base, journal: Path
) -> None:
    engine, request = start("--crash-at", "2"), make_request(tiny_base.name)
    outcomes = [answer(engine, request)[0] for _ in range(5)]
    crashed = [isinstance(outcome, EngineUnavailable) for outcome in outcomes]
    assert crashed == [False, True, False, True, True]
    assert isinstance(outcomes[1], EngineUnavailable)
    assert "exit code 3" in outcomes[1].message
    assert "RuntimeError: the fake ran out of luck" in outcomes[1].message
    assert [entry["path"] for entry in read_journal(journal)].count("started") == 2


def test_a_server_that_cannot_start_says_why(start: Start, tiny_base: Base) -> None:
    outcomes = answer(start("--fail-to-start"), *[make_request(tiny_base.name)] * 3)
    assert all(isinstance(outcome, EngineUnavailable) for outcome in outcomes)
    assert all("no memory is left for the fake" in str(outcome) for outcome in outcomes)


def test_a_server_that_takes_too_long_is_given_up(start: Start, tiny_base: Base) -> None:
    engine = start("--start-seconds", "3600", startup_seconds=0.1)
    [outcome] = answer(engine, make_request(tiny_base.name))
    assert isinstance(outcome, EngineUnavailable)
    assert "does not answer after" in outcome.message


def test_a_deadline_does_not_stop_the_start_for_the_others(start: Start, tiny_base: Base) -> None:
    engine = start("--start-seconds", "0.5")
    late, patient = ask(engine, [make_request(tiny_base.name, deadline_seconds=0.05), make_request(tiny_base.name)])
    assert isinstance(late, DeadlineExceeded)
    assert not isinstance(patient, LuthierError)


def test_vllm_stops_what_nobody_waits_for(start: Start, tiny_base: Base, journal: Path) -> None:
    engine = start("--token-seconds", "0.2")
    reply = engine.submit(make_request(tiny_base.name))
    next(iter(reply))
    reply.cancel()
    with pytest.raises(RequestCancelled):
        reply.wait(PATIENCE_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while read_journal(journal)[-1]["path"] != "aborted":
        assert time.monotonic() < deadline, "the server goes on"
        time.sleep(0.05)


def test_closing_ends_the_server_and_its_workers_and_fails_what_is_open(
    start: Start, tiny_base: Base, journal: Path
) -> None:
    engine = start("--with-worker", "--token-seconds", "0.2")
    reply = engine.submit(make_request(tiny_base.name))
    next(iter(reply))
    engine.close()
    with pytest.raises(RequestCancelled):
        reply.wait(PATIENCE_SECONDS)
    with pytest.raises(RequestCancelled):
        engine.submit(make_request(tiny_base.name)).wait(PATIENCE_SECONDS)
    started = read_journal(journal)[0]
    wait_until_gone(started["pid"])
    wait_until_gone(started["worker"])


def test_the_key_is_secret_and_new_for_each_server(start: Start, tiny_base: Base, journal: Path) -> None:
    for engine in (start(), start()):
        answer_text(engine, make_request(tiny_base.name))
    first, second = (entry["environment"] for entry in read_journal(journal) if entry["path"] == "started")
    assert first["VLLM_API_KEY"] != second["VLLM_API_KEY"]
    assert first["HF_HUB_OFFLINE"] == first["VLLM_NO_USAGE_STATS"] == "1"


def test_a_server_that_runs_already_is_used_and_left_running(
    start: Start, maker: AdapterMaker, tiny_base: Base, journal: Path
) -> None:
    owner, tuned = start(), maker.keep("model")
    answer_text(owner, make_request(tiny_base.name))
    environment, port = read_journal(journal)[0]["environment"], read_journal(journal)[0]["port"]
    url = f"http://127.0.0.1:{port}/v1"
    guest = start(url=url, key=SecretStr(environment["VLLM_API_KEY"]))
    assert guest.name == f"vllm-{VERSION}/{url}"
    assert answer_text(guest, make_request(tuned.name)) == served_name(tuned)
    guest.close()
    assert answer_text(owner, make_request(tiny_base.name)) == tiny_base.name
    stranger = start(url=url, key=SecretStr("wrong"))
    [outcome] = answer(stranger, make_request(tiny_base.name))
    assert isinstance(outcome, EngineUnavailable)
    assert "vllm_key" in outcome.hint


def test_a_server_of_another_base_is_not_asked(start: Start, tiny_base: Base, tmp_path: Path, journal: Path) -> None:
    answer_text(start(), make_request(tiny_base.name))
    entry = read_journal(journal)[0]
    guest = start(url=f"http://127.0.0.1:{entry['port']}/v1", key=SecretStr(entry["environment"]["VLLM_API_KEY"]))
    other = str(save_base(tmp_path / "other", seed=1))
    [outcome] = answer(guest, make_request(other))
    assert isinstance(outcome, EngineUnavailable)
    assert f"and not {other}" in outcome.message


def test_the_name_tells_version_device_precision_and_what_the_user_has_added(start: Start, journal: Path) -> None:
    assert start().name == f"vllm-{VERSION}/cpu/float32 --journal {journal}"


def test_without_the_program_the_error_says_how_to_get_it(start: Start, tiny_base: Base, tmp_path: Path) -> None:
    engine = start(command=str(tmp_path / "nowhere"))
    [outcome] = answer(engine, make_request(tiny_base.name))
    assert isinstance(outcome, EngineUnavailable)
    assert "install vLLM" in outcome.hint
    with pytest.raises(EngineUnavailable, match="there is no program"):
        _ = engine.name


@pytest.mark.skipif(REAL_VLLM is None, reason="vLLM is not installed, or the setting vllm_command does not name it")
def test_vllm_itself_gives_the_tokens_of_the_embedded_engine(home: Home, smollm2: Base, tmp_path: Path) -> None:
    shape = json.loads((smollm2.folder / "config.json").read_text())
    maker = AdapterMaker(
        home, smollm2, settings=LoraSettings(r=4, lora_alpha=1), **{name: shape[name] for name in SHAPE}
    )
    models: dict[str, TunedModel | Base] = {smollm2.name: smollm2, "tuned": maker.keep("tuned")}
    questions = ("What is the capital of France?", "List the planets.", "Why is the sky blue?")
    sampling = Sampling(max_tokens=24, top_log_probs=1)
    requests = [make_request(name, question, sampling=sampling) for name in models for question in questions]
    chosen = [make_request(name, "Is water wet?", structure=WORD) for name in models]
    with TorchEngine(models.__getitem__, precision="float32") as embedded:
        expected = generate(embedded, requests)
    options = VllmOptions(command=str(REAL_VLLM), precision="float32")
    with VllmEngine(models.__getitem__, options=options, log_folder=tmp_path / "logs") as engine:
        responses, words = generate(engine, requests), generate(engine, chosen)
        name = engine.name
    assert re.fullmatch(r"vllm-[\d.]+(\+\S+)?/(cpu|cuda)/float32", name)
    assert [each.prompt_hash for each in responses] == [each.prompt_hash for each in expected]
    assert count_common_tokens(responses, expected) >= 0.9 * sum(len(each.log_probs) for each in expected)
    assert responses[0].log_probs[0].log_prob == pytest.approx(expected[0].log_probs[0].log_prob, abs=0.01)
    assert not {each.text for each in responses[:3]} & {each.text for each in responses[3:]}
    assert {each.text for each in words} <= {"yes", "no"}


def count_common_tokens(responses: list[Response], others: list[Response]) -> int:
    """Of each answer, those before the first that differs."""
    pairs = (zip(one.log_probs, other.log_probs, strict=False) for one, other in zip(responses, others, strict=True))
    return sum(len(list(takewhile(lambda pair: pair[0].token == pair[1].token, pair))) for pair in pairs)
