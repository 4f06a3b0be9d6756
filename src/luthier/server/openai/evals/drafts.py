"""Bodies of requests become drafts of evals and runs, when all that they name is there and fits together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import InvalidRequest, UnknownFile
from luthier.jobs.evals.desk import RunDraft
from luthier.jobs.evals.hold import SourceRow
from luthier.models.public_names import PublicNames
from luthier.pipeline.evals.criteria import check_criterion, read_criterion
from luthier.pipeline.evals.item_schema import ItemSchema
from luthier.pipeline.evals.questions import check_templates, list_templates
from luthier.pipeline.evals.sources import check_rows
from luthier.server.openai.schema.evals import CustomConfig, FileContent, FileReference, JsonlSource
from luthier.server.problems import concerning
from luthier.store.evals import EvalDraft
from luthier.store.user_files.shelf import get_file

if TYPE_CHECKING:
    from luthier.evaluation.graders.openai.grading import Tools
    from luthier.server.openai.schema.evals import CompletionsSource, EvalRequest, EvalRunRequest
    from luthier.store.evals import Eval
    from luthier.store.home import Home

PURPOSE = "evals"


class Maker(NamedTuple):
    """Who wants a run, and how often it was asked for before."""

    key_id: str
    retries: int


def draft_eval(body: EvalRequest, tools: Tools) -> EvalDraft:
    """Raises Problem that names the parameter."""
    config = body.data_source_config
    schema = None
    if isinstance(config, CustomConfig):
        with concerning("data_source_config.item_schema"):
            schema = ItemSchema(config.item_schema)
    for place, definition in enumerate(body.testing_criteria):
        with concerning(f"testing_criteria[{place}]"):
            check_criterion(read_criterion(definition), schema=schema, tools=tools)
    return EvalDraft(
        data_source_config=config.model_dump(mode="json", exclude_unset=True),
        testing_criteria=body.testing_criteria,
        name=body.name or "",
        metadata=body.metadata,
    )


def draft_run(home: Home, eval: Eval, body: EvalRunRequest, maker: Maker) -> RunDraft:
    """Raises Problem that names the parameter. What stands in a file shows when the run is worked on."""
    data_source = body.data_source
    source = data_source.source
    if isinstance(source, FileContent):
        with concerning("data_source.source.content"):
            check_rows(eval.data_source_config, [SourceRow(row.item) for row in source.content])
    elif isinstance(source, FileReference):
        with concerning("data_source.source.id"):
            _require_items(home, source.id)
    model = None if isinstance(data_source, JsonlSource) else _check_question(home, eval, data_source)
    return RunDraft(
        eval_id=eval.id,
        data_source=data_source.model_dump(mode="json", by_alias=True, exclude_unset=True),
        name=body.name or "",
        model=model,
        file_id=source.id if isinstance(source, FileReference) else None,
        metadata=body.metadata,
        created_by=maker.key_id,
    )


def _check_question(home: Home, eval: Eval, data_source: CompletionsSource) -> str | None:
    """The full name of the model that is asked."""
    if data_source.model is None:
        return None
    with concerning("data_source.model"):
        model = PublicNames(home).resolve(data_source.model).id
    if data_source.input_messages is not None:
        with concerning("data_source.input_messages"):
            _check_messages(eval.data_source_config, data_source.input_messages.model_dump(mode="json"))
    return model


def _check_messages(config: dict[str, Any], input_messages: dict[str, Any]) -> None:
    check_templates(input_messages)
    if config["type"] == "custom":
        ItemSchema(config["item_schema"]).check_places(list_templates(input_messages))


def _require_items(home: Home, file_id: str) -> None:
    try:
        purpose = get_file(home.database, file_id).purpose
    except UnknownFile as error:
        message = f"invalid file: {file_id}"
        raise InvalidRequest(message, hint=f"upload a file with the purpose {PURPOSE}, and give its id") from error
    if purpose != PURPOSE:
        message = f"invalid file: {file_id} was uploaded for {purpose}"
        raise InvalidRequest(message, hint=f"upload it again with the purpose {PURPOSE}")
