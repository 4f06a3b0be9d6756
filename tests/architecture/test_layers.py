"""Who may import whom: data flows one way through the rooms, and heavy libraries stay behind their doors."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import luthier

SOURCE = Path(__file__).parents[2] / "src" / "luthier"

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "threads": set(),
    "conversation": {"errors"},
    "settings": {"errors"},
    "stats": {"errors"},
    "recipes": {"errors"},
    "store": {"errors", "settings"},
    "data": {"errors", "conversation", "store"},
    "tokens": {"errors", "conversation", "data"},
    "models": {"errors", "settings", "store", "tokens"},
    "training": {"errors", "settings", "conversation", "store", "data", "tokens", "models"},
    "curation": {"errors", "conversation", "store", "data", "tokens", "models", "training"},
    "engine": {"errors", "settings", "conversation", "tokens", "models"},
    "evaluation": {"errors", "conversation", "store", "data", "tokens", "engine", "models", "stats"},
    "advise": {"errors", "conversation", "data", "engine", "evaluation", "stats"},
    "remote": {"errors", "settings", "conversation", "data", "store"},
    "jobs": {"errors", "settings", "store", "data", "models", "training", "evaluation", "remote"},
}
ROOMS = set(MAY_IMPORT)
MAY_IMPORT["doctor"] = ROOMS
MAY_IMPORT["pipeline"] = ROOMS | {"doctor"}
MAY_IMPORT["server"] = ROOMS | {"pipeline"}
MAY_IMPORT["cli"] = ROOMS | {"pipeline", "doctor"}
MAY_IMPORT["__main__"] = {"cli"}
MAY_IMPORT["__init__"] = {"pipeline", "threads"}

STARTERS = {"cli.serve": {"server"}, "cli.worker": {"server"}}
"""The commands that start the server, which no other command knows."""

PUBLIC_NAMES = set(luthier.__all__)
"""`from luthier import __version__` is no room."""

HEAVY = {"torch", "transformers", "peft", "gguf", "accelerate", "datasets", "lm_eval"}
HEAVY_MODULES = {
    "curation.losses",
    "engine.adapters.layers",
    "engine.adapters.reading",
    "engine.batching.desk",
    "engine.batching.preparation",
    "engine.batching.scheduler",
    "engine.decoding.drawing",
    "engine.decoding.sampling",
    "engine.decoding.token_texts",
    "engine.residence.footprint",
    "engine.residence.lookup",
    "engine.residence.pool",
    "engine.runners.attention",
    "engine.runners.choice",
    "engine.runners.layers",
    "engine.runners.linears",
    "engine.runners.memory",
    "engine.runners.packed",
    "engine.runners.prefixes",
    "engine.runners.scoring",
    "engine.runners.solo",
    "engine.structure.grammars",
    "engine.structure.vocabulary",
    "engine.surveying",
    "engine.torch_engine",
    "engine.vllm.completion",
    "engine.vllm.server",
    "engine.vllm.servers",
    "engine.vllm.subject",
    "engine.vllm_engine",
    "evaluation.forgetting.benchmarks.harness",
    "models.embedding",
    "models.full",
    "models.gguf",
    "models.loading",
    "models.lora",
    "models.parameters",
    "models.precision",
    "models.quantized",
    "models.strength",
    "models.targets",
    "models.tensors",
    "models.tuning",
    "pipeline.fine_tuning.attempt",
    "pipeline.fine_tuning.order",
    "pipeline.fine_tuning.results",
    "tokens.packing",
    "training.checkpoint",
    "training.keeping",
    "training.kernels.attention",
    "training.kernels.blocks",
    "training.kernels.checkpointing",
    "training.kernels.compilation",
    "training.kernels.elementwise",
    "training.kernels.flash_attention",
    "training.kernels.install",
    "training.kernels.low_rank",
    "training.kernels.tree_attention",
    "training.learner",
    "training.loop",
    "training.objectives.goal",
    "training.objectives.likelihood",
    "training.objectives.objective",
    "training.objectives.preference",
    "training.objectives.reference",
    "training.optimizer",
    "training.planning.appraisal",
    "training.planning.fitting",
    "training.planning.memory",
    "training.planning.probe",
    "training.planning.rate_probe",
    "training.planning.workload",
    "training.processes.group",
    "training.processes.sharding",
    "training.proof",
    "training.run",
    "training.stage",
    "training.trackers.tensorboard",
}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


def room_of(module: str) -> str:
    return module.split(".")[0]


def list_imports(tree: ast.AST) -> set[str]:
    """Absolute names of all modules that are imported anywhere below a node."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def list_imports_at_start(tree: ast.Module) -> set[str]:
    """What runs on import: neither a function's own imports nor those for the type checker."""
    body = [
        node
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    return list_imports(ast.Module(body, []))


def find_wrong_imports(module: str, imports: set[str]) -> list[str]:
    room = room_of(module)
    rooms = {name.split(".")[1] for name in imports if name.startswith("luthier.")}
    allowed = MAY_IMPORT[room] | STARTERS.get(module, set()) | {room} | PUBLIC_NAMES
    return sorted(f"{module} imports {other}" for other in rooms - allowed)


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {module_name(path): ast.parse(path.read_text()) for path in SOURCE.rglob("*.py")}


def test_a_room_imports_only_what_stands_before_it(trees: dict[str, ast.Module]) -> None:
    wrong = [each for module in sorted(trees) for each in find_wrong_imports(module, list_imports(trees[module]))]
    assert wrong == []


def test_an_import_against_the_flow_is_named() -> None:
    tree = ast.parse("def f():\n    from luthier.training.run import execute_run")
    assert find_wrong_imports("engine.torch_engine", list_imports(tree)) == ["engine.torch_engine imports training"]


def test_heavy_modules_are_those_that_load_heavy_libraries_or_one_another(trees: dict[str, ast.Module]) -> None:
    heavy = {f"luthier.{module}" for module in HEAVY_MODULES}
    found = {
        module
        for module, tree in trees.items()
        if (imports := list_imports_at_start(tree)) & heavy or {name.split(".")[0] for name in imports} & HEAVY
    }
    assert found == HEAVY_MODULES


def test_no_two_rooms_import_each_other() -> None:
    for room, allowed in MAY_IMPORT.items():
        mutual = {other for other in allowed if room in MAY_IMPORT[other] and other != room}
        assert not mutual, f"{room} and {mutual} may import each other"
