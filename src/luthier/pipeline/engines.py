"""Engines are started by their kind and closed again, and what users write about answers becomes what engines read."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from luthier.engine.protocol import Structure
from luthier.errors import FileMissing, InvalidConfig, InvalidStructure, did_you_mean
from luthier.models.fetch import silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from luthier.engine.protocol import Engine
    from luthier.engine.routing import RoutingEngine
    from luthier.engine.torch_engine import TorchEngine
    from luthier.models.fetch import Announce
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home

EngineKind = Literal["torch", "vllm"]
"""What answers for models on this machine; hosted ones always have an engine of their own."""

ENGINE_KINDS: tuple[EngineKind, ...] = get_args(EngineKind)

STRUCTURE_FORMS = ("json", "schema:FILE", "regex:PATTERN", "choice:A|B")


def start_engine(
    home: Home, kind: EngineKind = "torch", *, is_streaming: bool = False, announce: Announce = silent
) -> RoutingEngine:
    """Answers for every model, those of other services included; to be closed by whoever starts it.

    A hosted model's answer comes in pieces only with `is_streaming`, for one that comes whole can be asked for again
    when the connection breaks. Raises InvalidConfig for an engine that does not exist.
    """
    if kind not in ENGINE_KINDS:
        raise InvalidConfig(f"no engine is called {kind!r}", hint=did_you_mean(kind, ENGINE_KINDS))
    from luthier.engine.remote.address import is_remote
    from luthier.engine.routing import Route, RoutingEngine

    def start_remote() -> Engine:
        from luthier.engine.remote_engine import RemoteEngine

        return RemoteEngine(home.settings, is_streaming=is_streaming)

    def start_local() -> Engine:
        return start_local_engine(home, kind, announce=announce)

    return RoutingEngine([Route(is_remote, start_remote), Route(lambda model: True, start_local)])


def start_local_engine(home: Home, kind: EngineKind, *, announce: Announce = silent) -> Engine:
    """Answers for the models of this machine alone; to be closed by whoever starts it."""
    return _start_vllm(home, announce) if kind == "vllm" else start_torch(home)


def start_torch(home: Home, *, drafts: Mapping[str, TunedModel] = MappingProxyType({})) -> TorchEngine:
    """The embedded engine, which can score answers too. `drafts` are models that are not registered, by their names."""
    from luthier.engine.torch_engine import TorchEngine
    from luthier.models.registry import resolve_model

    return TorchEngine(lambda name: drafts[name] if name in drafts else resolve_model(home, name))


@contextmanager
def use_engine(
    engine: Engine | EngineKind, home: Home, *, is_streaming: bool = False, announce: Announce = silent
) -> Iterator[Engine]:
    """One that is given stays open; one that is named is closed in the end, however that comes."""
    if not isinstance(engine, str):
        yield engine
        return
    with closing(start_engine(home, engine, is_streaming=is_streaming, announce=announce)) as started:
        yield started


def read_structure(form: str) -> Structure:
    """From one of STRUCTURE_FORMS. Raises InvalidStructure or FileMissing; what a grammar makes of it shows later."""
    kind, _, value = form.partition(":")
    if form == "json":
        return Structure("json_object")
    if kind == "schema" and value:
        return Structure("json_schema", _read_json_file(value))
    if kind == "regex" and value:
        return Structure("regex", value)
    if kind == "choice" and value:
        return Structure("choice", json.dumps(value.split("|"), ensure_ascii=False))
    raise InvalidStructure(f"unknown structure {form!r}", hint=did_you_mean(form, STRUCTURE_FORMS))


def read_tools(path: Path) -> str:
    """JSON text of a tool list in OpenAI's form. Raises InvalidStructure or FileMissing."""
    text = _read_json_file(str(path))
    tools = json.loads(text)
    if not isinstance(tools, list) or not tools:
        raise InvalidStructure(f"{path}: no list of tools", hint='write [{"type": "function", "function": {...}}, ...]')
    return text


def _read_json_file(path: str) -> str:
    try:
        text = Path(path).read_text("utf-8")
        json.loads(text)
    except OSError as error:
        raise FileMissing(f"{path}: {(error.strerror or 'cannot be read').lower()}", hint="check the path") from error
    except (ValueError, RecursionError) as error:
        raise InvalidStructure(f"{path}: not JSON: {error}", hint="the file must hold one JSON value") from error
    return text


def _start_vllm(home: Home, announce: Announce) -> Engine:
    from luthier.engine.vllm.options import read_options
    from luthier.engine.vllm_engine import VllmEngine
    from luthier.models.registry import resolve_model

    return VllmEngine(
        lambda name: resolve_model(home, name),
        options=read_options(home.settings),
        log_folder=home.path / "logs",
        announce=announce,
    )
