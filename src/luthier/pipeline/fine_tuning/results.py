"""A run's models become the API's: published under their names, with their metrics, before the job has succeeded."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import LeaseLost
from luthier.jobs.desk import get_job
from luthier.jobs.leftovers import list_ended_runs
from luthier.models.public_names import PublicNames
from luthier.models.tuned_names import name_tuned_model
from luthier.pipeline.fine_tuning.metrics import CSV_COLUMNS, read_metrics
from luthier.store.ids import derive_id
from luthier.store.user_files.shelf import keep_file
from luthier.training.events import EventLog
from luthier.training.objectives.reference import REFERENCE_FILE
from luthier.training.run import CHECKPOINT_FOLDER
from luthier.training.watch import OVERFIT_FRACTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.jobs.hold import Hold
    from luthier.jobs.job import Job
    from luthier.models.registry import TunedModel
    from luthier.pipeline.fine_tuning.metrics import StepMetrics
    from luthier.pipeline.fine_tuning.order import JobPlan
    from luthier.store.home import Home
    from luthier.training.keeping import RunModels
    from luthier.training.method import Method

RESULT_NAME, RESULT_PURPOSE = "step_metrics.csv", "fine-tune-results"


class Publication(NamedTuple):
    """A model of a job under the name that the API knows; `step` is None for the job's own."""

    name: str
    model: TunedModel
    metrics: StepMetrics
    step: int | None


def finish_job(home: Home, hold: Hold, job: Job, plan: JobPlan, models: RunModels) -> None:
    """All of it can be done again: names and ids follow from the job. Raises LeaseLost."""
    order = plan.order.run
    method = order.config.method
    rows = EventLog(home.runs / order.id / "metrics.jsonl").read()
    steps = read_metrics(rows, method=method, steps_per_epoch=plan.plan.steps_per_epoch)
    publications = list_publications(home, job, models, steps)
    try:
        _publish(home, hold, publications, method)
        file_id = derive_id("file-", job.created_at, f"{job.id}/result")
        content = write_csv(steps, method).encode()
        result = keep_file(home, content, filename=RESULT_NAME, purpose=RESULT_PURPOSE, file_id=file_id)
        tokens = int(models.own.card.metrics["tokens"])
        hold.succeed(fine_tuned_model=publications[-1].name, trained_tokens=tokens, result_file=result.id)
    except LeaseLost:
        if get_job(home.database, job.id).status == "cancelled":  # in this very moment: nobody is to see its models
            for each in publications:
                PublicNames(home).withdraw(each.name)
        raise


def list_publications(home: Home, job: Job, models: RunModels, steps: Sequence[StepMetrics]) -> list[Publication]:
    """The job's own model comes last."""
    by_step = {metrics.step: metrics for metrics in steps}
    made = [*((model, model.card.snapshot_step) for model in models.snapshots), (models.own, None)]
    organization = home.settings.organization
    return [
        Publication(
            name_tuned_model(job.model, organization=organization, suffix=job.suffix, job_id=job.id, step=step),
            model,
            by_step[step] if step else steps[-1],
            step,
        )
        for model, step in made
    ]


def find_better(publications: Sequence[Publication]) -> str:
    """A sentence when validation prefers a checkpoint to the final model, else nothing."""
    losses = [each.metrics.judgement.loss for each in publications if each.metrics.judgement]
    if len(losses) < len(publications) or losses[-1] <= min(losses) * (1 + OVERFIT_FRACTION):
        return ""
    best = publications[losses.index(min(losses))]
    return (
        f"The checkpoint of step {best.metrics.step}, {best.name}, has a lower validation loss than the final model: "
        f"{min(losses):.4f} against {losses[-1]:.4f}"
    )


def write_csv(steps: Sequence[StepMetrics], method: Method) -> str:
    return "".join(f"{line}\n" for line in [",".join(CSV_COLUMNS[method]), *(step.to_csv() for step in steps)])


def clear_ended(home: Home) -> None:
    """Removes what only unfinished jobs need, which is many times as large as their models.

    Of this job, and of others whose process was ended before it could do this.
    """
    runs = [path.parent for path in home.runs.glob(f"*/{CHECKPOINT_FOLDER}")]
    ended = set(list_ended_runs(home.database, [run.name for run in runs]))
    for run in runs:
        if run.name in ended:
            (run / REFERENCE_FILE).unlink(missing_ok=True)
            shutil.rmtree(run / CHECKPOINT_FOLDER, ignore_errors=True)


def _publish(home: Home, hold: Hold, publications: Sequence[Publication], method: Method) -> None:
    names = PublicNames(home)
    for each in publications:
        names.publish(each.name, each.model.name, hold.job_id)
        metrics = each.metrics.to_json(method)
        hold.add_checkpoint(each.metrics.step, each.name, metrics, is_final=each.step is None)
    if warning := find_better(publications):
        hold.add_event("warn", warning, id_from="better-checkpoint")
