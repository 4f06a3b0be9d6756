"""A run on the MLflow server that MLFLOW_TRACKING_URI names, or in a database of MLflow's in the home folder."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

import mlflow
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from luthier.training.trackers.tracker import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.training.trackers.tracker import Status, TrackedRun

TAG = "luthier.run"
STATUSES: dict[Status, str] = {"succeeded": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


class MlflowTracker:
    """By its client alone, so that a run which the calling program has open in MLflow stays as it is."""

    errors: tuple[type[Exception], ...] = (MlflowException, OSError)

    def begin(self, run: TrackedRun, step: int) -> None:
        run.folder.mkdir(parents=True, exist_ok=True)
        place = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else f"sqlite:///{run.folder / 'mlflow.db'}"
        self._client = mlflow.MlflowClient(tracking_uri=place)
        found = self._client.get_experiment_by_name(PROJECT)
        experiment = found.experiment_id if found else self._client.create_experiment(PROJECT)
        earlier = self._client.search_runs([experiment], filter_string=f"tags.`{TAG}` = '{run.id}'")
        if earlier:
            self._id = earlier[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            return
        self._id = self._client.create_run(experiment, run_name=run.name, tags={TAG: run.id}).info.run_id
        self._client.log_batch(self._id, params=[Param(key, str(value)) for key, value in run.settings.items()])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        milliseconds = int(time() * 1000)
        metrics = [Metric(key, value, milliseconds, step) for key, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def end(self, status: Status) -> None:
        self._client.set_terminated(self._id, STATUSES[status])
