"""LD60x: secrets and people's data, which a model can learn by heart and tell to anyone who asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import Row
from luthier.data.lint.rule import Rule
from luthier.data.mending.redaction import redact_row
from luthier.data.sensitive.spans import DETECTORS, find_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding
    from luthier.data.sensitive.spans import Span

    Fields = dict[str, Any]

SHOWN, SHORT = 4, 12
"""Characters of a value that a finding shows, and the length below which that would be half of it."""

NOUNS = {
    "secret": "secret",
    "email": "e-mail address",
    "phone": "telephone number",
    "card": "card number",
    "iban": "IBAN",
    "ip": "network address",
}
ES = ("email", "ip")
"""Kinds whose nouns take es in the plural."""


class Secret(Rule[Row]):
    """A password, an API key, a token or a private key: by its shape, or beside a word for it."""

    code = "LD601"
    name = "secret"
    severity = "warning"
    is_privacy = True
    why = "whoever uses the model can get it out again, and so can whoever reads the file; it should be revoked too"
    example = '{"messages": [{"role": "user", "content": "The password is hunter2-Kx9, please log in."}]}'
    hint = "revoke it where it was issued, then --redact writes [SECRET_1] instead"
    fix = "writes [SECRET_1] instead, with --redact"

    def check(self, subject: Row) -> Iterator[Finding]:
        yield from _find(self, subject, "secret")

    def mend(self, row: Fields) -> Fields:
        return redact_row(row, ("secret",))


class EmailAddress(Rule[Row]):
    """A person's e-mail address; example.com, info@, support@ and the like are not reported."""

    code = "LD602"
    name = "email-address"
    severity = "warning"
    is_privacy = True
    why = "the model can learn it by heart and give it to strangers"
    example = '{"messages": [{"role": "user", "content": "Write to jane.doe@posteo.de"}]}'
    hint = "--redact writes [EMAIL_1] instead, the same mark for the same address"
    fix = "writes [EMAIL_1] instead, with --redact"

    def check(self, subject: Row) -> Iterator[Finding]:
        yield from _find(self, subject, "email")

    def mend(self, row: Fields) -> Fields:
        return redact_row(row, ("email",))


class PhoneNumber(Rule[Row]):
    """A telephone number with its country, in the North American form, or beside a word for it.

    Free numbers, and those that are kept for films and manuals, are not reported.
    """

    code = "LD603"
    name = "phone-number"
    severity = "warning"
    is_privacy = True
    why = "the model can learn it by heart and give it to strangers"
    example = '{"messages": [{"role": "user", "content": "Call me: +49 1512 3456789"}]}'
    hint = "--redact writes [PHONE_1] instead, the same mark for the same number"
    fix = "writes [PHONE_1] instead, with --redact"

    def check(self, subject: Row) -> Iterator[Finding]:
        yield from _find(self, subject, "phone")

    def mend(self, row: Fields) -> Fields:
        return redact_row(row, ("phone",))


class CardNumber(Rule[Row]):
    """A number with a card issuer's prefix and length and a right check digit; known test numbers are not reported."""

    code = "LD604"
    name = "card-number"
    severity = "warning"
    is_privacy = True
    why = "the model can learn it by heart, and card issuers forbid storing it like this"
    example = '{"messages": [{"role": "user", "content": "Take my card 4539 5787 6362 1486"}]}'
    hint = "--redact writes [CARD_1] instead, the same mark for the same card"
    fix = "writes [CARD_1] instead, with --redact"

    def check(self, subject: Row) -> Iterator[Finding]:
        yield from _find(self, subject, "card")

    def mend(self, row: Fields) -> Fields:
        return redact_row(row, ("card",))


class Iban(Rule[Row]):
    """An international bank account number with the length of its country and a right check."""

    code = "LD605"
    name = "iban"
    severity = "warning"
    is_privacy = True
    why = "the model can learn it by heart, and money can be drawn from an account with it"
    example = '{"messages": [{"role": "user", "content": "Pay to DE89 3704 0044 0532 0130 00"}]}'
    hint = "--redact writes [IBAN_1] instead, the same mark for the same account"
    fix = "writes [IBAN_1] instead, with --redact"

    def check(self, subject: Row) -> Iterator[Finding]:
        yield from _find(self, subject, "iban")

    def mend(self, row: Fields) -> Fields:
        return redact_row(row, ("iban",))


class NetworkAddress(Rule[Row]):
    """An address of the public internet; those of home networks, documents and open resolvers are not reported."""

    code = "LD606"
    name = "network-address"
    severity = "info"
    is_privacy = True
    why = "it leads to a household or a server"
    example = '{"messages": [{"role": "user", "content": "Why is 93.184.216.34 slow?"}]}'
    hint = "--redact writes [IP_1] instead, the same mark for the same address"
    fix = "writes [IP_1] instead, with --redact"

    def check(self, subject: Row) -> Iterator[Finding]:
        yield from _find(self, subject, "ip")

    def mend(self, row: Fields) -> Fields:
        return redact_row(row, ("ip",))


PRIVACY_RULES: tuple[Rule[Row], ...] = (
    Secret(),
    EmailAddress(),
    PhoneNumber(),
    CardNumber(),
    Iban(),
    NetworkAddress(),
)


def _find(rule: Rule[Row], row: Row, kind: str) -> Iterator[Finding]:
    """One finding for each message, whose words give the value away nowhere."""
    yield from _find_beside(rule, row, kind)
    if not DETECTORS[kind].may_hold(row.text):
        return
    by_position: dict[int, list[Span]] = {}
    for passage in row.passages:
        spans = find_spans(passage.text, (kind,))
        if spans:
            by_position.setdefault(passage.position, []).extend(spans)
    for position, spans in by_position.items():
        text = f"message {position} holds {_count_values(spans, kind)}"
        yield rule.finding(row.line, text, at=position, text=hide_value(spans[0].value))


def _find_beside(rule: Rule[Row], row: Row, kind: str) -> Iterator[Finding]:
    """In the tools, which are a part of the prompt, and in the metadata, which every copy of the row has too."""
    if len(row.fields) < 2:
        return
    beside = json.dumps({key: value for key, value in row.fields.items() if key != "messages"}, ensure_ascii=False)
    spans = list(find_spans(beside, (kind,))) if DETECTORS[kind].may_hold(beside) else []
    if spans:
        text = f"the row holds {_count_values(spans, kind)} beside its messages"
        yield rule.finding(row.line, text, text=hide_value(spans[0].value))


def _count_values(spans: list[Span], kind: str) -> str:
    count = f"1 {NOUNS[kind]}" if len(spans) == 1 else f"{len(spans)} {NOUNS[kind]}{'es' if kind in ES else 's'}"
    return f"{count} ({', '.join(sorted({span.name for span in spans}))})" if kind == "secret" else count


def hide_value(value: str) -> str:
    """Enough to find it in the file, too little to use it."""
    return f"{value[: SHOWN if len(value) >= SHORT else SHOWN // 2]}\u2026"
