"""Previews of rows become one HTML page that needs nothing else: every token, its number, and what is trained of it."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from luthier.tokens.visible import make_visible, show_blanks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.tokens.preview import RowPreview, ShownToken, TokenPreview

CONTINUED = "…"
"""Stands for a token that only goes on with a character."""


class TokenView(NamedTuple):
    """`text` has signs for its blanks; `starts_word` says that the page may break the line before it, `ends_line` that
    it has to after it."""

    token: ShownToken
    text: str
    title: str
    starts_word: bool
    ends_line: bool


class Stretch(NamedTuple):
    """Neighbours that are all trained or all masked."""

    is_trained: bool
    tokens: tuple[TokenView, ...]


def render_page(rows: Sequence[RowPreview], *, file: str, base: str) -> str:
    """`file` and `base` are the names that the page shows."""
    style, script = _read_part("preview.css"), _read_part("preview.js")
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, finalize=_finalize
    )
    return environment.from_string(_read_part("preview.html.jinja")).render(
        rows=rows,
        file=file,
        base=base,
        cut_stretches=cut_stretches,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash_source(style),
        script_hash=_hash_source(script),
    )


def cut_stretches(preview: TokenPreview) -> list[Stretch]:
    return [
        Stretch(is_trained, tuple(_view_token(token) for token in group))
        for is_trained, group in groupby(preview.tokens, key=lambda token: token.is_trained)
    ]


def _view_token(token: ShownToken) -> TokenView:
    kind = "trained" if token.is_trained else "masked"
    control = ", control token" if token.is_control else ""
    text = show_blanks(token.text) or CONTINUED
    title = f"position {token.position}, id {token.id}, {kind}{control}"
    starts_word = token.is_control or not text[0].isalnum()
    return TokenView(token, text.removesuffix("\n"), title, starts_word, ends_line=text.endswith("\n"))


def _finalize(value: object) -> object:
    """Runs on everything that the template prints, so that no text can be forgotten."""
    return make_visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _read_part(name: str) -> str:
    return files("luthier.tokens").joinpath(name).read_text("utf-8")


def _hash_source(text: str) -> str:
    """How a Content-Security-Policy names the one inline part that it lets through."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
