"""What vLLM is started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.engine.vllm.command import (
    build_arguments,
    build_server_environment,
    choose_rank,
    find_command,
    read_version,
)
from luthier.engine.vllm.options import VllmOptions, read_options
from luthier.errors import EngineUnavailable, InvalidConfig
from luthier.models.catalog import Base
from luthier.settings import Settings
from tests.support.fake_vllm import VERSION, write_program

BASE = Base("tiny", Path("/models/tiny"))


def write_script(folder: Path, text: str) -> Path:
    script = folder / "vllm"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return script


@pytest.mark.parametrize(
    ("rank", "chosen"), [(0, 16), (1, 16), (16, 16), (17, 32), (129, 256), (257, 320), (321, 512), (512, 512)]
)
def test_a_server_is_started_for_the_lowest_rank_that_vllm_allows_and_the_usual_one(rank: int, chosen: int) -> None:
    assert choose_rank(rank) == chosen


def test_what_the_user_adds_comes_last_and_wins() -> None:
    options = VllmOptions(arguments=("--max-loras", "9"))
    arguments = build_arguments(BASE, options, port=1234, dtype="bfloat16", rank=32)
    assert arguments[:2] == ["serve", "/models/tiny"]
    assert arguments[-2:] == ["--max-loras", "9"]
    assert arguments[arguments.index("--max-lora-rank") + 1] == "32"
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"


def test_code_from_a_models_folder_is_never_allowed() -> None:
    assert "--trust-remote-code" not in build_arguments(BASE, VllmOptions(), port=1, dtype="float32", rank=16)


def test_the_memory_for_keys_and_values_is_bounded_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    assert int(build_server_environment("key", device="cpu")["VLLM_CPU_KVCACHE_SPACE"]) >= 1
    assert "VLLM_CPU_KVCACHE_SPACE" not in build_server_environment("key", device="cuda")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    assert build_server_environment("key", device="cpu")["VLLM_CPU_KVCACHE_SPACE"] == "7"


def test_the_version_is_what_the_program_says(tmp_path: Path) -> None:
    program = write_program(tmp_path)
    assert find_command(VllmOptions(command=str(program))) == program
    assert read_version(program) == VERSION


@pytest.mark.parametrize("text", ["echo 'PackageNotFoundError: vllm' >&2; exit 1", "echo no version here"])
def test_a_program_that_cannot_tell_its_version_is_no_vllm(tmp_path: Path, text: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"--version failed: (PackageNotFoundError: vllm|no version here)"):
        read_version(write_script(tmp_path, text))


def test_settings_become_options(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, vllm_command="/opt/vllm", vllm_arguments="--max-num-seqs 64 --seed '1 2'", vllm_servers=2
    )
    options = read_options(settings)
    assert options.arguments == ("--max-num-seqs", "64", "--seed", "1 2")
    assert (options.command, options.servers, options.url) == ("/opt/vllm", 2, "")


def test_an_open_quotation_mark_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="vllm_arguments"):
        read_options(Settings(home=tmp_path, vllm_arguments="--seed 'one"))


@pytest.mark.parametrize("argument", ["--dtype", "--api-key=mine", "--port", "--trust-remote-code"])
def test_what_luthier_decides_is_not_to_be_set_beside_it(tmp_path: Path, argument: str) -> None:
    with pytest.raises(InvalidConfig, match=f"vllm_arguments': {argument.split('=')[0]}"):
        read_options(Settings(home=tmp_path, vllm_arguments=f"--seed 1 {argument} x"))
