"""The family that a rule belongs to, which is written in the first digits of its code."""

from __future__ import annotations

FAMILIES = {
    "LD1": "file",
    "LD2": "roles",
    "LD22": "preference",
    "LD25": "tools",
    "LD26": "tools",
    "LD3": "content",
    "LD4": "consistency",
    "LD5": "length",
    "LD6": "privacy",
    "LD8": "balance",
    "LD9": "duplicates",
}
"""By the beginning of their codes; the longest one that fits counts."""


def family_of(code: str) -> str:
    """Raises ValueError for a code of no family, which no rule has."""
    fitting = [prefix for prefix in FAMILIES if code.startswith(prefix)]
    return FAMILIES[max(fitting, key=len)]
