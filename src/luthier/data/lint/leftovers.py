"""LD31x: what a program should have filled in or taken out: placeholders, control tokens, marks of a chat program."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from luthier.data.expression import either
from luthier.data.formats.openai_chat import Row
from luthier.data.lint.amendment import amend_texts
from luthier.data.lint.rule import Rule, quote, show_around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

CODE = re.compile(r"(`{3,}|~{3,}).*?(?:\1|\Z)|`[^`\n]*`", re.DOTALL)

GAP_KIND = either(
    *("first", "last", "full", "middle", "company", "customer", "client", "user", "product", "recipient", "sender"),
    *("team", "project", "business", "brand", "event", "manager", "employee", "candidate", "school", "university"),
    *(
        "organi[sz]ation",
        "street",
        "mailing",
        "e-?mail",
        "phone",
        "contact",
        "start",
        "end",
        "due",
        "today'?s",
        "current",
    ),
    *("insert", "your", "their", "his", "her", "the"),
)
GAP = either(
    *(
        "name",
        "company",
        "date",
        "time",
        "address",
        "e-?mail",
        "number",
        "title",
        "position",
        "city",
        "state",
        "country",
    ),
    *(
        "e-?mail address",
        "phone number",
        "job title",
        "zip code",
        "link",
        "url",
        "website",
        "location",
        "venue",
        "amount",
    ),
    *("price", "signature", "recipient", "sender", "product", "organi[sz]ation"),
)
FILLED_IN = rf"(?:{GAP_KIND}(?:'s)?[ _-]){{0,3}}{GAP}(?:\(s\))?(?: here)?"
DEMAND = either("your", "insert", "fill in", "specify", "(?:enter|add|include) (?:your|the|an?)")
PLACEHOLDERS = (
    (
        "[",
        rf"\[(?<![\w\]!\\$]\[){DEMAND}[ _-][^\]\[\n]{{1,60}}\](?![(\[:])",
        rf"\[(?<![\w\]!\\$]\[){FILLED_IN}(?:[,/ ]+(?:and |or )?{FILLED_IN})*\](?![(\[:=.\w])",
        r"\[todo\]",
    ),
    ("<", r"<(?:insert|your|enter|add)[ _-][^<>\n]{1,40}>"),
    (
        "{",
        r"\{(?<![\w\\^_}{$]\{)\{[ ]?[a-z_][\w.]{1,40}[ ]?\}\}(?!\})",
        r"\{(?<![\w\\^_}{$]\{)(?:[a-z]{3,20}_){1,3}[a-z]{2,20}\}(?!\})",
    ),
    ("${", r"\$\{[a-z_]\w{2,40}\}(?![^\n]*\$)"),
    ("TODO:", r"\bTODO: "),
    ("FIXME", r"\bFIXME\b"),
    ("XXXX", r"(?<![\w-])XXXX+(?![\w-])"),
    ("orem ", r"\blorem ipsum\b"),
)
"""Each with a mark that stands in every text in which one of its expressions can be found."""

PLACEHOLDER_SEARCHES = tuple(
    (mark, re.compile(either(*expressions) if len(expressions) > 1 else expressions[0], re.IGNORECASE))
    for mark, *expressions in PLACEHOLDERS
)

MEANT = re.compile(
    either(
        *("placeholder", "template", "fill[- ]in", "blank", "mad ?lib", "replace", "boilerplate", "lorem", "variable"),
        *(r"\btodo\b", "jinja", "handlebars", "mustache"),
    ),
    re.IGNORECASE,
)
"""Signs that placeholders are what a row is about."""

CONTROL_TOKEN = re.compile(
    either(
        r"<[|\uff5c][A-Za-z0-9_\u2581]{1,40}[|\uff5c]>",
        r"</?(?:start|end)_of_turn>",
        r"<(?:bos|eos|pad)>",
        r"\[/?INST\]",
        r"<</?SYS>>",
        r"\[/?(?:TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS)\]",
        r"\[gMASK\]",
        r"<unused\d{1,3}>",
        r"\A<s>|</s>\Z",
    )
)
CONTROL_MARKS = (
    "<|",
    "<\uff5c",
    "_of_turn>",
    "<bos>",
    "<eos>",
    "<pad>",
    "INST]",
    "SYS>>",
    "TOOL_",
    "gMASK",
    "<unused",
    "s>",
)
"""One of these stands in every text in which a control token can be found."""

TURN_ID = r"turn\d{1,3}[a-z]+\d{1,3}"
CITATION = re.compile(
    either(
        r" ?\u3010\d{1,3}(?::\d{1,3})?\u2020[^\u3011\n]{0,80}\u3011",
        r" ?:contentReference\[oaicite:\d{1,3}\]\{index=\d{1,3}\}",
        r" ?\[oaicite:\d{1,3}\]",
        r" ?\ue200[a-z]+\ue202[^\ue201\n]{1,80}\ue201",
        rf" ?\bcite(?:{TURN_ID})+",
        r"\[cite_start\]",
        r" ?\[cite: ?\d{1,3}(?:, ?\d{1,3})*\]",
        r"(?<=\?)utm_source=chatgpt\.com&",
        r"\?utm_source=chatgpt\.com(?!&)",
        r"&utm_source=chatgpt\.com",
    )
)
SCREEN_TEXT = re.compile(
    rf"^{either('Copy code', 'Regenerate response', 'ChatGPT said:', 'You said:', 'Show drafts')}[ \t]*$", re.MULTILINE
)
EXPORT_MARKS = (
    *("\u2020", "oaicite", "\ue200", "citeturn", "[cite", "utm_source=chatgpt"),
    *("Copy code", "Regenerate response", " said:", "Show drafts"),
)
"""One of these stands in every text in which marks of an export can be found."""


class Placeholder(Rule[Row]):
    """An answer with a gap that a person or a program should have filled: [Your Name], {{name}}, ${total}, TODO:."""

    code = "LD311"
    name = "placeholder"
    severity = "warning"
    judges_answer = True
    why = "the model would learn to hand the gap to its users"
    example = (
        '{"messages": [{"role": "user", "content": "Thank Ann."}, '
        '{"role": "assistant", "content": "Dear Ann, thank you! Yours, [Your Name]"}]}'
    )
    hint = "fill the gap, or delete the row; a placeholder that the prompt asks for is not reported"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not any(mark in subject.text for mark, _ in PLACEHOLDER_SEARCHES):
            return
        for answer in subject.answers:
            match = _find_placeholder(answer.text)
            if match and not _is_asked_for(match.group(), subject):
                text = f"the answer in message {answer.position} holds the placeholder {quote(match.group())}"
                yield self.finding(subject.line, text, at=answer.position, text=match.group())


class ControlToken(Rule[Row]):
    """A text with a token by which a chat template marks turns: <|im_end|>, [INST], <start_of_turn>, </s>."""

    code = "LD314"
    name = "control-token"
    severity = "warning"
    why = "the data was saved after a chat template; the token would end a turn in its middle, and training refuses it"
    example = '{"messages": [{"role": "user", "content": "hello<|im_end|>"}]}'
    hint = "delete it: the template writes such tokens by itself"

    def check(self, subject: Row) -> Iterator[Finding]:
        if "<" not in subject.text and "[" not in subject.text:
            return
        if not any(mark in subject.text for mark in CONTROL_MARKS):
            return
        for passage in subject.passages:
            match = CONTROL_TOKEN.search(passage.text)
            if match:
                text = f"message {passage.position} holds the control token {quote(match.group().strip())}"
                window = show_around(passage.text, match.start())
                yield self.finding(subject.line, text, at=passage.position, text=window)


class ExportMarks(Rule[Row]):
    """An answer with what a chat program put on the screen: marks of citations, Copy code, tracking in links."""

    code = "LD316"
    name = "export-marks"
    severity = "warning"
    judges_answer = True
    why = "they stood for links and buttons, and the model would learn to write them as words"
    example = (
        '{"messages": [{"role": "user", "content": "How high is it?"}, '
        '{"role": "assistant", "content": "It is 8,849 m high【4†source】."}]}'
    )
    hint = "delete them"
    fix = "removes marks of citations and of tracking; words of buttons stay, as a code block often has to be put right"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not any(mark in subject.text for mark in EXPORT_MARKS):
            return
        for answer in subject.answers:
            match = CITATION.search(answer.text) or SCREEN_TEXT.search(answer.text)
            if match:
                text = f"the answer in message {answer.position} holds {quote(match.group().strip())}"
                window = show_around(answer.text, match.start())
                yield self.finding(subject.line, text, at=answer.position, text=window)

    def mend(self, row: Fields) -> Fields:
        return amend_texts(row, lambda text: CITATION.sub("", text), roles=("assistant",))


def _find_placeholder(text: str) -> re.Match[str] | None:
    """Outside of code, where such signs are syntax; in JSON only a bracket that is a whole value."""
    start = text.lstrip()[:2]
    is_json = start.startswith("{") or start in ("[{", '["')
    searches = [search for mark, search in PLACEHOLDER_SEARCHES if mark in text and (mark == "[" or not is_json)]
    if not searches or start.startswith("<"):
        return None
    prose = CODE.sub(lambda code: " " * len(code.group()), text) if "`" in text or "~~~" in text else text
    matches = [match for search in searches for match in search.finditer(prose)]
    if is_json:
        matches = [match for match in matches if text[match.start() - 1] == text[match.end() : match.end() + 1] == '"']
    return min(matches, key=lambda match: match.start(), default=None)


def _is_asked_for(placeholder: str, row: Row) -> bool:
    asking = [message.text for message in row.messages if message.role in ("system", "developer", "user")]
    return any(placeholder in text or MEANT.search(text) for text in asking)
