"""Numbers count when their check says so; what is made for tests, and what is no person's, does not."""

from __future__ import annotations

import pytest

from luthier.data.sensitive.spans import find_spans


def find(kind: str, text: str) -> list[str]:
    return [span.value for span in find_spans(text, (kind,))]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("email", "Write to jane.doe@posteo.de.", "jane.doe@posteo.de"),
        ("email", "<john+news@mail.gmail.com>", "john+news@mail.gmail.com"),
        ("email", "mailto:o'neil_2@uni-bonn.de?subject=x", "neil_2@uni-bonn.de"),
        ("phone", "Call +49 1512 3456789!", "+49 1512 3456789"),
        ("phone", "call +1 (415) 867-5309 now", "+1 (415) 867-5309"),
        ("phone", "(212) 664-7665", "(212) 664-7665"),
        ("phone", "212.664.7665 or so", "212.664.7665"),
        ("phone", "Tel.: 030 901820", "030 901820"),
        ("phone", "my phone number is 020 7946 1234", "020 7946 1234"),
        ("phone", "tél. +33 6 12 34 56 78", "+33 6 12 34 56 78"),
        ("card", "4539 5787 6362 1486", "4539 5787 6362 1486"),
        ("card", "4539-5787-6362-1486", "4539-5787-6362-1486"),
        ("card", "378734493671000", "378734493671000"),
        ("card", "card: 3787 344936 71000", "3787 344936 71000"),
        ("iban", "DE89 3704 0044 0532 0130 00 BIC COBADEFF", "DE89 3704 0044 0532 0130 00"),
        ("iban", "GB29NWBK60161331926819", "GB29NWBK60161331926819"),
        ("iban", "NO93 8601 1117 947", "NO93 8601 1117 947"),
        ("ip", "from 93.184.216.34:443", "93.184.216.34"),
        ("ip", "2606:2800:220:1:248:1893:25c8:1946", "2606:2800:220:1:248:1893:25c8:1946"),
    ],
)
def test_a_value_is_found_as_it_is_written(kind: str, text: str, value: str) -> None:
    assert find(kind, text) == [value]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "user@example.com a@b.test x@localhost foo@mail.example.org"),
        ("email", "info@acme.io support@acme.io noreply@acme.io"),
        ("email", "icon@2x.png react@18.2.0 git@github.com:a/b.git @handle A@B.T you@yourdomain.com"),
        ("phone", "on 2023-10-12 at 10:30:00, order 1234567890, $1,299,999.00"),
        ("phone", "ISBN 978-3-16-148410-0, UPC 0 36000 29145 2, years 2019-2020-2021"),
        ("phone", "(555) 123-4567, 202-555-0143, Phone: 555-1234, Phone 123-456-7890"),
        ("phone", "1-800-275-2273"),
        ("phone", "C++11 +10 +12345, 5 + 44 7911"),
        ("card", "4242 4242 4242 4242 and 4000056655665556"),
        ("card", "4539 5787 6362 1487, 1234567890123456, 0000 0000 0000 0000"),
        ("card", "IMEI 490154203237518, time 1700000000000, parcel 9400 1000 0000 0000 0000 00"),
        ("card", "0.4539578763621486 and 4539578763621486.5"),
        ("iban", "DE89 3704 0044 0532 0130 01, GB12 ABCD 3456 7890 1234 56, ZZ89370400440532013000"),
        ("ip", "192.168.1.10 127.0.0.1 10.1.2.3 203.0.113.9 8.8.8.8 999.10.10.10"),
        ("ip", "v12.34.56.78, version 10.0.19045.3570, section 4.12.11.10, 1.3.6.1.4.1.311.21.20"),
        ("ip", "2001:db8::1 ::1 fe80::1 12:34:56 std::vector"),
    ],
)
def test_near_misses_are_left_alone(kind: str, text: str) -> None:
    assert find(kind, text) == []


def test_an_address_in_a_connection_is_not_an_e_mail() -> None:
    """What stands before the sign is a password there."""
    spans = find_spans("postgres://joe:kD92mLx0Q7@db.acme.io/prod")
    assert [(span.kind, span.value) for span in spans] == [("secret", "kD92mLx0Q7")]


def test_long_texts_without_spaces_are_read_in_no_time() -> None:
    """Each of these takes hours where an expression is tried at every letter of every word."""
    for unit in ("a", "a.", "a@", "1 ", "+1 ", "AB12", "password", "://", "-----BEGIN PRIVATE KEY-----"):
        find_spans((unit * 20_000)[:20_000] + "@")
