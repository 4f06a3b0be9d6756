"""Sixty sound orders and some forty spoilt ones become a messy file, the data of the guide on cleaning.

    python -m luthier.data.examples.messy > messy.jsonl

Each spoilt line has one kind of defect, and `DEFECTS` names the rule that finds it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from luthier.data.examples.orders import generate_rows

SOUND_COUNT = 60

Row = dict[str, Any]
Spoil = Callable[[Row], bytes]
TOOL = {
    "type": "function",
    "function": {
        "name": "find_order",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "integer"}},
            "required": ["number"],
            "additionalProperties": False,
        },
    },
}


class MessyLine(NamedTuple):
    """`code` is the rule that finds the line; "" for a sound one."""

    code: str
    raw: bytes


def generate_lines() -> list[MessyLine]:
    """Sound and spoilt lines in turns, so that no defect stands beside its like."""
    rows = generate_rows(SOUND_COUNT + len(DEFECTS))
    sound = [MessyLine("", _dump(row)) for row in rows[:SOUND_COUNT]]
    spoilt = [MessyLine(code, spoil(row)) for (code, spoil), row in zip(DEFECTS, rows[SOUND_COUNT:], strict=True)]
    lines: list[MessyLine] = []
    while sound or spoilt:
        lines += [*sound[:2], *spoilt[:1]]
        del sound[:2], spoilt[:1]
    return lines


def main() -> None:
    sys.stdout.buffer.write(b"".join(line.raw + b"\n" for line in generate_lines()))


def _dump(row: Any) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


def _say(text: str) -> Spoil:
    """Another answer."""
    return lambda row: _dump(_with_answer(row, content=text))


def _ask(text: str) -> Spoil:
    """More in the request."""
    return lambda row: _dump(_with_request(row, content=f"{row['messages'][1]['content']} {text}"))


def _reword(pattern: str, new: str) -> Spoil:
    """Other text in the answer."""
    return lambda row: _dump(_with_answer(row, content=re.sub(pattern, new, row["messages"][2]["content"])))


def _damage(old: bytes, new: bytes) -> Spoil:
    """Other bytes in the line."""
    return lambda row: _dump(row).replace(old, new, 1)


def _call(arguments: str, *, call_id: str = "call_1", result_id: str | None = "call_1") -> Spoil:
    """The answer comes after a look into a tool."""
    call = {"id": call_id, "type": "function", "function": {"name": "find_order", "arguments": arguments}}
    result = {"role": "tool", "content": '{"status": "sent"}', "tool_call_id": result_id}
    turns = [{"role": "assistant", "tool_calls": [call]}, {key: value for key, value in result.items() if value}]
    return lambda row: _dump({"messages": [*row["messages"][:2], *turns, row["messages"][2]], "tools": [TOOL]})


def _with_answer(row: Row, **fields: Any) -> Row:
    system, request, answer = row["messages"]
    return {"messages": [system, request, {**answer, **fields}]}


def _with_request(row: Row, **fields: Any) -> Row:
    system, request, answer = row["messages"]
    return {"messages": [system, {**request, **fields}, answer]}


def _with_system(row: Row, text: str) -> bytes:
    return _dump({"messages": [{"role": "system", "content": text}, *row["messages"][1:]]})


FIRST = generate_rows(1)[0]

DEFECTS: tuple[tuple[str, Spoil], ...] = (
    ("LD101", _damage(b'"user", "content": "', b'"user", "content": "\xe9')),
    ("LD103", lambda row: _dump(row)[:-2]),
    ("LD104", lambda row: _dump(row["messages"])),
    ("LD105", _damage(b'"role": "user"', b'"role": "user", "role": "user"')),
    ("LD106", _damage(b'{"messages"', b'{"metadata": {"score": NaN}, "messages"')),
    ("LD107", lambda row: b"  "),
    ("LD110", _damage(b'"user", "content": "', b'"user", "content": "\\ud83d')),
    ("LD111", _ask("Thanks!\x07")),
    (
        "LD112",
        lambda row: _dump({"prompt": row["messages"][1]["content"], "completion": row["messages"][2]["content"]}),
    ),
    ("LD115", _ask("Danke schÃ¶n, grÃ¼ÃŸe aus KÃ¶ln.")),
    ("LD201", lambda row: _dump({"messages": []})),
    ("LD203", _damage(b'"role": "user", ', b"")),
    ("LD204", _damage(b'"role": "user"', b'"role": "User"')),
    ("LD206", _damage(b'"role": "user"', b'"role": "user", "source": "mail"')),
    ("LD207", lambda row: _dump({"messages": row["messages"][:-1]})),
    ("LD209", lambda row: _dump({"messages": [*row["messages"][:2], *row["messages"][1:]]})),
    ("LD210", lambda row: _dump(_with_answer(row, weight=0.5))),
    ("LD211", lambda row: _dump(_with_answer(row, weight=0))),
    ("LD252", _call('{"number": 7')),
    ("LD253", _call('{"number": 7}', result_id=None)),
    ("LD255", _call('{"number": 7}', call_id="call_2")),
    ("LD263", _call('{"number": "seven"}')),
    ("LD301", lambda row: _dump(_with_answer(row, content=json.loads(row["messages"][2]["content"])))),
    ("LD303", _say("")),
    ("LD304", lambda row: _dump(_with_request(row, content=[{"type": "image_url", "image_url": {"url": "a.png"}}]))),
    ("LD308", _say("I'm sorry, but I can't help with that.")),
    ("LD309", _say("As an AI language model, I have no access to orders.")),
    ("LD310", lambda row: _dump(_with_answer(row, content=row["messages"][2]["content"][:-20]))),
    ("LD311", _reword('"customer":"[^"]*"', '"customer":"[CUSTOMER NAME]"')),
    ("LD401", lambda row: _dump(_with_answer(FIRST, content=row["messages"][2]["content"]))),
    ("LD402", lambda row: _with_system(row, "You are a helpful assistant.")),
    ("LD404", _reword('"customer"', '"client"')),
    ("LD405", _reword('"quantity":(\\d+)', r'"quantity":"\1"')),
    ("LD407", _reword(r'"date":"(\d\d)-(\d\d)"', r'"date":"\2.\1."')),
    ("LD409", lambda row: _dump(_with_answer(row, content=f"```json\n{row['messages'][2]['content']}\n```"))),
    ("LD601", _ask("Our key is AKIA" + "Q3EGRTZ7PLWX5N2M" + ".")),
    ("LD602", _ask("Write to tom.baker@baker-music.co.uk.")),
    ("LD603", _ask("Call me on +49 30 901820.")),
    ("LD604", _ask("Charge 4539 5787 6362 1486.")),
    ("LD605", _ask("Refund to DE89 3704 0044 0532 0130 00.")),
    ("LD901", lambda row: _dump(FIRST)),
    ("LD902", lambda row: _dump(_with_request(FIRST, content=f"{FIRST['messages'][1]['content'].upper()}"))),
)
"""The rule that finds a defect, and how a sound row comes to have it."""


if __name__ == "__main__":
    main()
