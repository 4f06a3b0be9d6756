"""`luthier jobs`: fine-tuning jobs of the server, here or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Server

if TYPE_CHECKING:
    from luthier.pipeline import JobChange, JobDesk

JobId = Annotated[str, typer.Argument(metavar="ID", help="As `luthier jobs list` shows it.")]


def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the fine-tuning jobs, the latest first."""
    from luthier import pipeline
    from luthier.cli.render_jobs import describe_job, render_jobs

    with pipeline.open_jobs(server) as desk:
        jobs = desk.list_jobs()
    output.emit({"jobs": [describe_job(job) for job in jobs]}, render_jobs(jobs), as_json=as_json)


def show(job_id: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Show what a job was asked, what it chose and what came of it."""
    from luthier import pipeline
    from luthier.cli.render_jobs import describe_job, render_job

    with pipeline.open_jobs(server) as desk:
        job, checkpoints = desk.get_job(job_id), desk.list_checkpoints(job_id)
    document = {**describe_job(job), "checkpoints": [each.model_dump(mode="json") for each in checkpoints]}
    output.emit(document, render_job(job, checkpoints), as_json=as_json)


def events(job_id: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """List what happened to a job, the first event first."""
    from luthier import pipeline
    from luthier.cli.render_jobs import render_event

    with pipeline.open_jobs(server) as desk:
        found = desk.list_events(job_id)[::-1]
    document = {"events": [event.model_dump(mode="json") for event in found]}
    output.emit(document, "\n".join(render_event(event) for event in found), as_json=as_json)


def follow(job_id: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Show what happens to a job until it ends; Ctrl-C leaves it going.

    The exit code is 0 for a job that succeeded, and 1 for any other end.
    """
    from luthier import pipeline

    with pipeline.open_jobs(server) as desk:
        watch_job(desk, job_id, as_json=as_json)


def cancel(job_id: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """End a job without a model."""
    change_job(job_id, "cancel", server, as_json=as_json)


def pause(job_id: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Let a job stand still at its next checkpoint."""
    change_job(job_id, "pause", server, as_json=as_json)


def resume(job_id: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Let a paused job go on from its checkpoint."""
    change_job(job_id, "resume", server, as_json=as_json)


def change_job(job_id: str, change: JobChange, server: str | None, *, as_json: bool) -> None:
    from luthier import pipeline
    from luthier.cli.render_jobs import describe_job

    with pipeline.open_jobs(server) as desk:
        job = desk.change_job(job_id, change)
    output.emit(describe_job(job), f"{job.id}: {job.status}", as_json=as_json)


def watch_job(desk: JobDesk, job_id: str, *, as_json: bool) -> None:
    """Prints events to stderr as they come, and in the end what became of the job."""
    from luthier import pipeline
    from luthier.cli.render_jobs import describe_job, render_event, render_job

    try:
        job = pipeline.follow_job(desk, job_id, tell=lambda event: output.note(render_event(event)))
    except KeyboardInterrupt:
        output.note(f"{job_id} goes on; `luthier jobs follow {job_id}` shows it, and `jobs cancel` would end it")
        raise typer.Abort from None
    checkpoints = desk.list_checkpoints(job_id)
    text = render_job(job, checkpoints)
    output.emit(describe_job(job), text, as_json=as_json, is_good=job.status == "succeeded")
