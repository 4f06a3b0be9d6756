"""Previews of rows become text whose trained stretches stand in brackets, with and without colour."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from luthier.cli.output import Styled
from luthier.tokens.visible import show_blanks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.data.finding import Finding
    from luthier.tokens.preview import RowPreview, ShownToken, TokenPreview

OPEN, CLOSE = "⟦", "⟧"
TRAINED, MASKED, CONTROL, WRONG, ADVICE = "green", "bright_black", "magenta", "red", "cyan"
ESCAPES = str.maketrans({mark: f"⟨U+{ord(mark):04X}⟩" for mark in (OPEN, CLOSE)})
"""The brackets of a user's own text must not look like ours."""

LEGEND = f"{OPEN}trained{CLOSE}  masked  ·  space  ↵  line break  →  tab"


def render_previews(previews: Sequence[RowPreview], path: str) -> list[Styled]:
    """The rows one below the other, then what the signs mean if there are any."""
    pieces = [piece for preview in previews for piece in _render_row(preview, path)]
    if any(conversation.tokens for preview in previews for conversation in preview.conversations):
        pieces.append(Styled(LEGEND, MASKED))
    return pieces


def _render_row(preview: RowPreview, path: str) -> Iterator[Styled]:
    for finding in preview.findings:
        yield from _render_finding(finding, f"{path}:{preview.line}")
    if preview.findings:
        yield Styled("\n")
    elif not preview.conversations:
        yield Styled(f"{path}:{preview.line}: the row has no answer to learn\n\n")
    for conversation in preview.conversations:
        yield from _render_conversation(conversation, f"{path}:{preview.line}")


def _render_finding(finding: Finding, place: str) -> Iterator[Styled]:
    colour = WRONG if finding.severity == "error" else ""
    yield Styled(f"{place}: {finding.severity} {finding.code} {finding.message}\n", colour)
    yield Styled(f"  hint: {finding.hint}\n", ADVICE)


def _render_conversation(preview: TokenPreview, place: str) -> Iterator[Styled]:
    name = f"{place}, {preview.title}" if preview.title else place
    if preview.refusal:
        yield Styled(f"{name}: {preview.refusal}\n", WRONG)
        yield Styled(f"  hint: {preview.hint}\n\n", ADVICE)
        return
    counts = f"{len(preview.tokens):,} tokens, {preview.trained_count:,} trained, {preview.masked_count:,} masked"
    stop = "the stop token is trained" if preview.stop_is_trained else "no stop token is trained"
    yield Styled(f"{name}: {counts}; {stop}\n")
    if preview.is_too_long:
        yield Styled(f"{name}: more than the {preview.limit:,} tokens that the base's context holds\n", WRONG)
    yield Styled("\n")
    for is_trained, stretch in groupby(preview.tokens, key=lambda token: token.is_trained):
        yield from _render_stretch(list(stretch), is_trained=is_trained)
    yield Styled("\n\n")


def _render_stretch(tokens: Sequence[ShownToken], *, is_trained: bool) -> Iterator[Styled]:
    colour = TRAINED if is_trained else MASKED
    yield Styled(OPEN if is_trained else "", colour)
    for token in tokens:
        is_masked_control = token.is_control and not is_trained
        yield Styled(show_blanks(token.text).translate(ESCAPES), CONTROL if is_masked_control else colour)
    yield Styled(CLOSE if is_trained else "", colour)
