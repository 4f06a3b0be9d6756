"""Lists as people read them become what Python searches with: one regular expression, or a set of words."""

from __future__ import annotations


def either(*patterns: str) -> str:
    """An expression that finds what any of them finds."""
    return f"(?:{'|'.join(patterns)})"


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
