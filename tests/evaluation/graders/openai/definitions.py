"""Graders as clients write them, each complete."""

from __future__ import annotations

from typing import Any

EXACT: dict[str, Any] = {
    "type": "string_check",
    "name": "exact",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.answer }}",
    "operation": "eq",
}
ALIKE: dict[str, Any] = {
    "type": "text_similarity",
    "name": "alike",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.answer }}",
    "evaluation_metric": "rouge_l",
}
CODE: dict[str, Any] = {
    "type": "python",
    "name": "code",
    "source": "def grade(sample, item):\n    return float(sample['output_text'] == item['answer'])",
}
JUDGE: dict[str, Any] = {
    "type": "score_model",
    "name": "judge",
    "model": "judge-model",
    "input": [{"role": "user", "content": "Is {{ sample.output_text }} right? It should be {{ item.answer }}."}],
}
LABELS: dict[str, Any] = {
    "type": "label_model",
    "name": "labels",
    "model": "judge-model",
    "input": [{"role": "user", "content": "Is {{ sample.output_text }} polite?"}],
    "labels": ["polite", "rude"],
    "passing_labels": ["polite"],
}
MULTI: dict[str, Any] = {
    "type": "multi",
    "name": "both",
    "graders": {"exact": EXACT, "alike": ALIKE},
    "calculate_output": "0.5 * exact + 0.5 * alike",
}
ALL = [EXACT, ALIKE, CODE, JUDGE, LABELS, MULTI]
