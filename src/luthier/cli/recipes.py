"""`luthier recipes`: which settings come along for which purpose."""

from __future__ import annotations

from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson


def recipes(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Print this recipe, as a start for yours.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the recipes for `luthier tune --recipe`.

    Each sets what its purpose asks for and leaves the rest to be settled from the rows, the base and the machine.
    """
    from luthier import pipeline
    from luthier.cli.render import format_table

    if name:
        recipe = pipeline.read_recipe(name)
        output.emit({"name": recipe.name, "settings": recipe.settings}, recipe.text, as_json=as_json)
        return
    found = pipeline.list_recipes()
    document = {"recipes": [{"name": each.name, "purpose": each.purpose} for each in found]}
    table = format_table([("recipe", "for"), *((each.name, each.purpose) for each in found)])
    output.emit(document, table, as_json=as_json)
