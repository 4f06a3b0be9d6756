"""npm's `openai` under Node, in programs that know nothing of Luthier."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.clients import CLIENTS
from tests.support.whole_server import wait_until

if TYPE_CHECKING:
    import subprocess

    from tests.support.clients import Tutorial

SCRIPTS = Path(__file__).parent / "node"
MODULES = CLIENTS / "node_modules"
NODE = MODULES / ".bin" / "node"
BEGINNING = "\ntest("
"""Of each test in a script."""

pytestmark = pytest.mark.skipif(
    not (NODE.exists() and (MODULES / "openai").exists()),
    reason=f"no Node with the package openai in {CLIENTS}: `make test` installs them where there is npm",
)


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they find the package: Node looks for it beside the script alone."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "node_modules").symlink_to(MODULES, target_is_directory=True)
    shutil.copytree(SCRIPTS, folder, dirs_exist_ok=True)
    return folder


def run_script(tutorial: Tutorial, script: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return tutorial.run(NODE, "--test", "--test-reporter=tap", script, **variables)


def require_success(tutorial: Tutorial, script: Path, **variables: str) -> None:
    ended = run_script(tutorial, script, **variables)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert f"\n# pass {script.read_text().count(BEGINNING)}\n" in ended.stdout


@pytest.mark.parametrize("name", ["tutorials", "chats", "lists_and_files", "errors", "evals"])
def test_programs_written_for_openai_do_what_they_did(tutorial: Tutorial, scripts: Path, name: str) -> None:
    require_success(tutorial, scripts / f"{name}.mjs")


def test_no_script_is_forgotten() -> None:
    named = {"tutorials", "chats", "lists_and_files", "errors", "evals", "webhooks"}
    assert {path.stem for path in SCRIPTS.glob("*.mjs")} == named


def test_a_webhook_is_unwrapped(tutorial: Tutorial, scripts: Path) -> None:
    wait_until(lambda: len(tutorial.webhooks.heard) > 0)
    heard = tutorial.webhooks.heard[0]
    event = {"headers": heard.headers, "body": heard.body.decode(), "secret": tutorial.webhook_secret}
    require_success(tutorial, scripts / "webhooks.mjs", HEARD=json.dumps(event))


def test_a_script_that_fails_is_noticed(tutorial: Tutorial, scripts: Path) -> None:
    ended = run_script(tutorial, scripts / "errors.mjs", OPENAI_API_KEY="sk-wrong")
    assert ended.returncode != 0
    assert "\n# fail 4\n" in ended.stdout
