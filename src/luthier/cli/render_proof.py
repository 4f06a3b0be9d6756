"""The gates that a trained model has passed become lines of plain text, one for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def render_proof(proof: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Empty for models that are older than their gates."""
    return ["proof that it learned:", *(_describe_gate(gate) for gate in proof.values())] if proof else []


def _describe_gate(gate: Mapping[str, Any]) -> str:
    """Of a model that is registered, a gate that does not hold is only a warning."""
    return f"  ok    {gate['detail']}" if gate["holds"] else f"  warn  {gate['detail']}; {gate['hint']}"
