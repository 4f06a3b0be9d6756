"""What is told to a tracker can be read back with its own library; each test needs that library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.training.trackers.tracker import TrackedRun

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.training.trackers.tracker import Tracker


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    return TrackedRun("run-1", "colours", {"epochs": 2, "tuning": "lora"}, tmp_path / "home")


def train_twice(tracker: Tracker, resumed: Tracker, run: TrackedRun) -> None:
    """Three steps, of which the third is lost, and then it goes on from the second."""
    tracker.begin(run, 0)
    for step, loss in ((1, 3.0), (2, 2.0), (3, 9.0)):
        tracker.log(step, {"train/loss": loss})
    tracker.end("interrupted")
    resumed.begin(run, 2)
    resumed.log(3, {"train/loss": 1.0})
    resumed.log(3, {"validation/loss": 1.5})
    resumed.end("succeeded")


def test_tensorboard_shows_settings_losses_and_the_end(run: TrackedRun) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from luthier.training.trackers.tensorboard import TensorBoardTracker

    train_twice(TensorBoardTracker(), TensorBoardTracker(), run)
    shown = EventAccumulator(str(run.folder / "tensorboard" / "colours-run-1"))
    shown.Reload()
    assert [(event.step, event.value) for event in shown.Scalars("train/loss")] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert [(event.step, event.value) for event in shown.Scalars("validation/loss")] == [(3, 1.5)]
    texts = {tag: shown.Tensors(f"{tag}/text_summary")[-1].tensor_proto.string_val[0] for tag in ("settings", "status")}
    assert b'"tuning": "lora"' in texts["settings"]
    assert texts["status"] == b"succeeded"


def test_wandb_without_a_key_keeps_the_run_for_later(run: TrackedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(run.folder))
    monkeypatch.setenv("NETRC", str(run.folder / "netrc"))
    from luthier.training.trackers.wandb import WandbTracker

    train_twice(WandbTracker(), WandbTracker(), run)
    kept = sorted((run.folder / "wandb").glob("offline-run-*-run-1"))
    assert kept
    content = b"".join(path.read_bytes() for path in kept[-1].glob("*.wandb"))
    for word in (b"validation/loss", b"tuning", b"succeeded"):
        assert word in content


def test_wandb_takes_the_project_and_the_tags_that_a_job_names(
    run: TrackedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    from luthier.training.trackers.wandb import WandbTracker

    tracker = WandbTracker(project="colours", entity="team", tags=["blue"])
    tracker.begin(run, 0)
    held = tracker._run
    assert (held.project, held.entity, held.tags, held.id) == ("colours", "team", ("blue",), run.id)
    tracker.end("succeeded")


def test_mlflow_gathers_a_resumed_run_under_one_entry(run: TrackedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    from luthier.training.trackers.mlflow import MlflowTracker

    train_twice(MlflowTracker(), MlflowTracker(), run)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{run.folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("luthier").experiment_id
    (kept,) = client.search_runs([experiment])
    assert kept.info.run_name == "colours"
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"epochs": "2", "tuning": "lora"}
    assert kept.data.metrics == {"train/loss": 1.0, "validation/loss": 1.5}
    assert {metric.step for metric in client.get_metric_history(kept.info.run_id, "train/loss")} == {1, 2, 3}
