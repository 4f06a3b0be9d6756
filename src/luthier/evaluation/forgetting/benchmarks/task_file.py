"""A task file of the user's own becomes what lm-eval is told: read as data, so that naming a file runs no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from luthier.errors import FileMissing, InvalidConfig

SUFFIXES = frozenset({".yaml", ".yml"})
PLAIN_TAGS = frozenset(yaml.SafeLoader.yaml_constructors)

RUNS_CODE = {
    "class": "names Python code",
    "custom_dataset": "names Python code",
    "unsafe_code": "asks for the model's own code to be run",
    "group": "is a group of tasks",
}


def is_task_file(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def read_task_file(path: Path) -> dict[str, Any]:
    """With what it includes; data files that lie beside it are found from anywhere.

    Raises FileMissing, or InvalidConfig where it is no task or would run code.
    """
    config = _read_with_includes(path, seen=())
    for key, reason in RUNS_CODE.items():
        if config.get(key):
            raise InvalidConfig(
                f"{path}: {key}: {reason}, which a task file here may not", hint="name one task of data and templates"
            )
    if not isinstance(config.get("task"), str):
        raise InvalidConfig(f"{path}: task: a name is missing", hint="add a line such as: task: my_task")
    files = (config.get("dataset_kwargs") or {}).get("data_files")
    if files is not None:
        config["dataset_kwargs"] = {**config["dataset_kwargs"], "data_files": _locate(files, path.parent)}
    return config


def _read_with_includes(path: Path, *, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise InvalidConfig(f"{path} includes itself")
    config = _parse(path)
    included = config.pop("include", [])
    merged: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        merged |= _read_with_includes(path.parent / str(name), seen=(*seen, path))
    return merged | config


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        _refuse_code(yaml.compose(text, Loader=yaml.SafeLoader), path)
        config = yaml.safe_load(text)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise FileMissing(f"{path}: {reason}", hint="name a task of lm-eval, or a YAML file with one") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidConfig(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict):
        raise InvalidConfig(f"{path} is no task", hint="write keys such as task, dataset_path and doc_to_text")
    return config


def _refuse_code(root: yaml.Node | None, path: Path) -> None:
    """`!function` imports a Python file; any other tag but YAML's own makes an object just as well."""
    nodes, seen = [root] if root else [], set[int]()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.tag not in PLAIN_TAGS:
            raise InvalidConfig(
                f"{path}:{node.start_mark.line + 1}: {node.tag} would run Python code, which a task file here may not",
                hint="say it with a template, such as doc_to_text: '{{question}}'",
            )
        if isinstance(node, yaml.MappingNode):
            nodes += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value


def _locate(files: Any, folder: Path) -> Any:
    """The same shape with paths; what does not lie in `folder` is left as it is."""
    if isinstance(files, dict):
        return {key: _locate(value, folder) for key, value in files.items()}
    if isinstance(files, list):
        return [_locate(each, folder) for each in files]
    return str((folder / files).absolute()) if isinstance(files, str) and (folder / files).is_file() else files
