"""What a failed job says of its end is true, names what to do, and names no place on the server."""

from __future__ import annotations

import pytest

from luthier.errors import InvalidConfig, LuthierError, StoreDamaged, UnknownModel
from luthier.pipeline.fine_tuning.failures import explain_failure

FOLDER = "/srv/luthier/runs/run-1/checkpoints"


def test_where_things_lie_on_the_server_is_not_told() -> None:
    told = explain_failure(StoreDamaged(f"{FOLDER}: no number", hint=f"look at {FOLDER}"))
    assert told.code == "store_damaged"
    assert "/" not in told.message
    assert told.message.startswith("The job failed: the server")


@pytest.mark.parametrize(("kind", "param"), [(InvalidConfig, "hyperparameters"), (UnknownModel, "model")])
def test_other_failures_are_told_with_their_hint_and_the_parameter_at_fault(
    kind: type[LuthierError], param: str
) -> None:
    told = explain_failure(kind("that is wrong", hint="do this"))
    assert told == (kind.code, "The job failed: that is wrong (do this)", param)
