"""A file of examples and what is learnt from it: which method fits, and what to do about one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from luthier.errors import InvalidConfig

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset

Method = Literal["sft", "dpo"]


def choose_method(dataset: Dataset) -> Method:
    """The one that learns from all that the rows say."""
    return "dpo" if dataset.is_preference else "sft"


def require_method(method: Method, dataset: Dataset) -> None:
    """Raises InvalidConfig when the rows are not what the method learns from."""
    if method == "sft" and dataset.is_preference:
        raise InvalidConfig(
            f"method sft learns from single answers, and {dataset.path.name} holds pairs of a preferred and a rejected "
            "one",
            hint="learn the preference with --set method=dpo, or keep the preferred answers alone: "
            "`luthier convert FILE --to chat`",
        )
    singles = [example.line for example in dataset.examples if example.rejected is None]
    if method == "dpo" and singles:
        raise InvalidConfig(
            f"method dpo learns from pairs of answers, and {dataset.path.name}:{singles[0]} has one answer alone",
            hint="learn the answers with --set method=sft, or give each row a preferred_output and a "
            "non_preferred_output",
        )
