"""The integrations that a job asks for become trackers of its run, or a sentence about why they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import MachineError
from luthier.training.trackers.registry import require_trackers
from luthier.training.trackers.tracker import TrackedRun

if TYPE_CHECKING:
    from luthier.jobs.job import Job
    from luthier.models.fetch import Announce
    from luthier.store.home import Home
    from luthier.training.config import TrainingConfig
    from luthier.training.trackers.tracker import Tracker

LONGEST_TAG = 64


class Tracking(NamedTuple):
    """The run as its trackers know it, by the job's id, and those trackers by name."""

    run: TrackedRun
    trackers: dict[str, Tracker]


def track_job(home: Home, job: Job, config: TrainingConfig, announce: Announce) -> Tracking:
    """A library that is not installed is no reason not to train. Of several integrations the first one counts."""
    wishes = [each["wandb"] for each in job.integrations or [] if each["type"] == "wandb"]
    wish: dict[str, Any] = wishes[0] if wishes else {}
    if len(wishes) > 1:
        announce(f"of {len(wishes)} wandb integrations the first one follows this job: a run there has one id")
    run = TrackedRun(job.id, wish.get("name") or job.id, config.model_dump(mode="json"), home.path)
    return Tracking(run, _build_wandb(job, wish, announce) if wish else {})


def list_tags(job: Job, wish: dict[str, Any]) -> list[str]:
    """OpenAI's own, by which dashboards find such runs, and then those that were asked for."""
    own = ["openai/finetune", f"openai/{job.model}", f"openai/{job.id}"]
    return [tag[:LONGEST_TAG] for tag in dict.fromkeys([*own, *(wish.get("tags") or [])])]


def _build_wandb(job: Job, wish: dict[str, Any], announce: Announce) -> dict[str, Tracker]:
    try:
        require_trackers(["wandb"])
    except MachineError as error:
        announce(f"{error.message}: {error.hint}; the training goes on without it")
        return {}
    from luthier.training.trackers.wandb import WandbTracker

    entity = wish.get("entity") or ""
    return {"wandb": WandbTracker(project=wish["project"], entity=entity, tags=list_tags(job, wish))}
