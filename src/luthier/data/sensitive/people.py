"""A text becomes the e-mail addresses, telephone, card and account numbers and network addresses of people in it.

Numbers count only when their check digits or number plans say so. What is made for documents and tests, and what
belongs to a service rather than to a person, is left out.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from luthier.data.expression import either, words
from luthier.data.sensitive.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_PHONE_DIGITS, LEAST_CARD_DIGITS, LEAST_IBAN_DIGITS = 7, 14, 10
"""Digits of a whole number of that kind; a British IBAN has 16 beside its letters, a Maltese one 20."""

LOCAL_PART = re.compile(
    r"(?:(?<=\\[nrt])|(?<![A-Za-z0-9._%+\\-]))[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_+-])?\Z"
)
DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}([A-Za-z]{2,24})(?![A-Za-z0-9])")
RESERVED_DOMAIN = re.compile(
    r"(?:^|\.)(?:example\.(?:com|net|org|edu)|example|test|invalid|localhost|local)$", re.IGNORECASE
)
"""RFC 2606 and 6762 keep these for documents, tests and home networks."""

FILE_ENDINGS = words("png jpg jpeg gif svg webp css js ts tsx jsx py md json html htm xml pdf txt zip")
"""What follows a point in icon@2x.png."""

SERVICE_MAILBOXES = words(
    "abuse admin billing careers contact enquiries feedback hello help helpdesk hostmaster hr info inquiries jobs "
    "legal mail mailer-daemon marketing media news newsletter noreply no-reply donotreply do-not-reply office orders "
    "postmaster press privacy returns sales security service services support team webmaster welcome git"
)
"""Names of mailboxes that belong to an office (RFC 2142 and custom), not to a person."""

GAP_MAILBOXES = words(
    "you your yourname your.name your_name youremail your.email your_email user username name email someone somebody "
    "me first.last firstname.lastname foo bar xxx abc test example placeholder recipient sender myemail"
)

INTERNATIONAL = re.compile(r"(?<![\w.])[+\uff0b][ ]?(?:\(0?\d{1,4}\)|\d)[\d()\u00a0 ./-]{5,24}\d")
PHONE_TAIL = re.compile(r"[()\u00a0 ./-]*[^()\u00a0 ./-]+\Z")
"""The last group of digits, with what separates it from the others."""

NORTH_AMERICAN_CORE = re.compile(r"[-.)] ?[0-9]{3}[-.][0-9]{4}")
NORTH_AMERICAN = re.compile(r"(?<![\w.+/=$-])(?:\+?1[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?![\w/-])(?!\.\d)")
BESIDE_WORD = re.compile(
    r"\b(?:(?:tele|i)?phone|telefon|tel|whatsapp|mobile|cell|fax|handy|t[eé]l[eé]fono|téléphone)\b\.?"
    r"(?: ?(?:number|no|nr)\.?)?\W{0,3}(?:is |ist |es )?\W{0,3}(?P<value>\(?\d[\d ()./-]{6,18}\d)(?![\w-])",
    re.IGNORECASE,
)
PHONE_CORE = re.compile(r"[0-9]{2}(?:[ ()./-]{0,3}[0-9]){4}")
PHONE_WORDS = ("phone", "tel", "whatsapp", "mobile", "cell", "fax", "handy", "lefono")
FICTIONAL_PHONE = re.compile(
    either(
        r"55501\d\d$",
        r"^555\d{4}$",
        r"^1?555\d{7}$",
        r"^\+?[01]?1234567(?:8(?:90?)?)?$",
        r"7946 ?0\d{3}$",
        r"(\d)\1{6}",
    )
)
"""Numbers kept for films and manuals, on digits alone."""

DATE = re.compile(r"(?:19|20)\d\d[-/. ]|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d$")

CARD_CORE = re.compile(r"[0-9]{4}[ -]?[0-9]{4,6}[ -]?[0-9]{4}")
CARD = re.compile(
    r"(?<![\w.,$€£+-])"
    + either(
        r"\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?",
        r"\d{4}([ -])\d{6}\2\d{4,5}",
        r"\d{14,19}",
    )
    + r"(?![\w-])(?!\.\d)"
)
CARD_PREFIXES = (
    (re.compile(r"4"), (16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6011|65|64[4-9]"), (16, 19)),
    (re.compile(r"30[0-5]|3095|36|3[89]"), (14, 16, 19)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 19)),
    (re.compile(r"62|81"), (16, 17, 18, 19)),
)
"""Visa, Mastercard, American Express, Discover, Diners Club, JCB and UnionPay, with their lengths (ISO/IEC 7812)."""

TEST_CARDS = words(
    "4242424242424242 4000056655665556 5555555555554444 2223003122003222 5200828282828210 5105105105105100 "
    "378282246310005 371449635398431 6011111111111117 6011000990139424 6011981111111113 3056930009020004 "
    "36227206271667 6555900000604105 3566002020360505 6200000000000005 6200000000000047 6205500000000000004 "
    "4000000000000002 4000000000009995 4000000000009987 4000000000009979 4000000000000069 4000000000000127 "
    "4000000000000119 4242424242424241 4000002500003155 4000002760003184 4000000000003220 4000000000000077"
)
"""Numbers that Stripe documents for tests."""

IBAN_CORE = re.compile(r"[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{3}")
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")
IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FO", "GL", "NL", "FK", "SD"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "XK", "MN"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "OM", "SO", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG", "LY"), 24),
    **dict.fromkeys(("PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("FR", "GR", "IT", "MC", "MR", "SM", "BI", "DJ"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU", "YE"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    "LC": 32,
    "RU": 33,
}
"""Characters by country, from the IBAN registry of SWIFT."""

IPV4_CORE = re.compile(r"\.[0-9]{1,3}\.[0-9]")
IPV6_CORE = re.compile(r":[0-9a-fA-F]{0,4}:")
IPV4 = re.compile(r"(?<![\w.+-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
IPV6 = re.compile(r"(?<![\w:.])[23][0-9a-fA-F]{3}:[0-9a-fA-F:]{2,35}(?![\w:])")
VERSION_WORD = re.compile(r"(?:\bv|version|release|build|section|chapter|§|rfc|oid)[ .:#]{0,2}\Z", re.IGNORECASE)
PUBLIC_RESOLVERS = words(
    "8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 94.140.14.14 "
    "2001:4860:4860::8888 2001:4860:4860::8844 2606:4700:4700::1111 2606:4700:4700::1001"
)


def may_hold_email(text: str) -> bool:
    """This and its like are False for most texts, at little cost, and True for every text in which there is one."""
    return "@" in text


def may_hold_phone(text: str) -> bool:
    if _count_digits(text) < LEAST_PHONE_DIGITS:
        return False
    if ("+" in text or "\uff0b" in text) and INTERNATIONAL.search(text):
        return True
    if not PHONE_CORE.search(text):
        return False
    return bool(NORTH_AMERICAN_CORE.search(text)) or _has_phone_word(text)


def may_hold_card(text: str) -> bool:
    return _count_digits(text) >= LEAST_CARD_DIGITS and bool(CARD_CORE.search(text))


def may_hold_iban(text: str) -> bool:
    return _count_digits(text) >= LEAST_IBAN_DIGITS and bool(IBAN_CORE.search(text))


def may_hold_ip(text: str) -> bool:
    return bool(IPV4_CORE.search(text) or IPV6_CORE.search(text))


def find_emails(text: str) -> Iterator[Place]:
    at = text.find("@")
    while at >= 0:
        # Matched from the sign outwards, so that a long text without spaces costs no more than its signs.
        local = LOCAL_PART.search(text[max(at - 66, 0) : at])
        domain = DOMAIN.match(text, at + 1) if local else None
        if local and domain and _is_personal(local.group(), domain.group()):
            yield Place(at - len(local.group()), domain.end(), f"{local.group()}@{domain.group()}", "e-mail address")
        at = text.find("@", at + 1)


def find_phones(text: str) -> Iterator[Place]:
    if "+" in text or "\uff0b" in text:
        for match in INTERNATIONAL.finditer(text):
            yield from _match_phone(match.start(), match.group(), None)
    if not PHONE_CORE.search(text):
        return
    for match in NORTH_AMERICAN.finditer(text) if NORTH_AMERICAN_CORE.search(text) else ():
        yield from _match_phone(match.start(), match.group(), "US")
    if _has_phone_word(text):
        for match in BESIDE_WORD.finditer(text):
            value = match.group("value")
            digits = re.sub(r"\D", "", value)
            if 7 <= len(digits) <= 15 and not FICTIONAL_PHONE.search(digits) and not DATE.match(value):
                yield Place(match.start("value"), match.end("value"), value, "telephone number")


def find_cards(text: str) -> Iterator[Place]:
    for match in CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if _is_card(digits) and digits not in TEST_CARDS:
            yield Place(match.start(), match.end(), match.group(), "card number")


def find_ibans(text: str) -> Iterator[Place]:
    for match in IBAN.finditer(text):
        # A word in capitals may follow the number, so the length of the country decides where it ends.
        length = IBAN_LENGTHS.get(match.group()[:2], 0)
        value = _take_signs(match.group(), length)
        if length and value and _has_iban_check(value.replace(" ", "")):
            yield Place(match.start(), match.start() + len(value), value, "IBAN")


def find_ips(text: str) -> Iterator[Place]:
    if IPV4_CORE.search(text):
        for match in IPV4.finditer(text):
            value = match.group()
            is_version = sum(len(part) > 1 for part in value.split(".")) < 2
            if not is_version and not VERSION_WORD.search(text[max(match.start() - 12, 0) : match.start()]):
                yield from _read_address(match)
    if IPV6_CORE.search(text):
        for match in IPV6.finditer(text):
            yield from _read_address(match)


def _count_digits(text: str) -> int:
    """Takes a tenth of the time that an expression takes to look for one."""
    return sum(map(text.count, "0123456789"))


def _has_phone_word(text: str) -> bool:
    lower = text.lower()
    return any(word in lower for word in PHONE_WORDS)


def _is_personal(local: str, domain: str) -> bool:
    mailbox = local.lower().split("+")[0]
    if mailbox in SERVICE_MAILBOXES or mailbox in GAP_MAILBOXES or RESERVED_DOMAIN.search(domain):
        return False
    return domain.rsplit(".", 1)[-1].lower() not in FILE_ENDINGS


def _match_phone(start: int, candidate: str, region: str | None) -> Iterator[Place]:
    """The longest beginning of the candidate that is a whole number; other numbers may follow it."""
    while len(candidate) > LEAST_PHONE_DIGITS:
        if _is_personal_phone(candidate, region):
            yield Place(start, start + len(candidate), candidate, "telephone number")
            return
        candidate = PHONE_TAIL.sub("", candidate)


def _is_personal_phone(candidate: str, region: str | None) -> bool:
    import phonenumbers
    from phonenumbers import PhoneNumberType

    try:
        number = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return False
    if not phonenumbers.is_valid_number(number) or FICTIONAL_PHONE.search(str(number.national_number)):
        return False
    return phonenumbers.number_type(number) in (
        *(PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE),
        *(PhoneNumberType.VOIP, PhoneNumberType.PERSONAL_NUMBER, PhoneNumberType.PAGER),
    )


def _is_card(digits: str) -> bool:
    fits = any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in CARD_PREFIXES)
    return fits and len(set(digits)) > 1 and _has_luhn_check(digits)


def _has_luhn_check(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def _has_iban_check(iban: str) -> bool:
    """ISO 13616: the number that its letters and digits spell, country last, is 1 modulo 97."""
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def _take_signs(text: str, count: int) -> str:
    """The beginning of a text with so many signs beside spaces; "" when it has fewer."""
    seen = 0
    for index, sign in enumerate(text):
        seen += sign != " "
        if seen == count:
            return text[: index + 1]
    return ""


def _read_address(match: re.Match[str]) -> Iterator[Place]:
    try:
        address = ipaddress.ip_address(match.group())
    except ValueError:
        return
    if address.is_global and not address.is_multicast and str(address) not in PUBLIC_RESOLVERS:
        yield Place(match.start(), match.end(), match.group(), "network address")
