"""Redaction leaves nothing behind, says the same for the same, and keeps JSON JSON."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.mending.redaction import redact_row, redact_text
from luthier.data.sensitive.spans import KINDS, find_spans

EMAIL, OTHER_EMAIL = "jane.doe@posteo.de", "j.roe@gmail.com"
PHONE, CARD, IBAN = "+49 1512 3456789", "4539 5787 6362 1486", "DE89 3704 0044 0532 0130 00"
PASSWORD = "password: hunter2-Kx9"
VALUES = (EMAIL, OTHER_EMAIL, PHONE, CARD, IBAN, "93.184.216.34", "ghp_1a2B3c4D5e6F7g8H9i0JkLmNoPqRsTuVwXyZ")


def test_marks_are_numbered_by_kind_and_value() -> None:
    redaction = redact_text(f"{EMAIL} {OTHER_EMAIL} {PHONE} {EMAIL.upper()} {CARD} {IBAN} {PASSWORD}")
    assert redaction.text == "[EMAIL_1] [EMAIL_2] [PHONE_1] [EMAIL_1] [CARD_1] [IBAN_1] password: [SECRET_1]"


def test_spans_tell_where_each_value_stood() -> None:
    text = f"Ask {EMAIL} or {PHONE}."
    spans = redact_text(text).spans
    assert [text[span.start : span.end] for span in spans] == [EMAIL, PHONE]
    assert [span.kind for span in spans] == ["email", "phone"]


def test_two_ways_to_write_a_number_are_the_same_number() -> None:
    text = f"{CARD} {CARD.replace(' ', '')} {IBAN} {IBAN.replace(' ', '')}"
    assert redact_text(text).text == "[CARD_1] [CARD_1] [IBAN_1] [IBAN_1]"


def test_marks_that_are_there_already_keep_their_numbers() -> None:
    assert redact_text(f"[EMAIL_3] and {EMAIL}").text == "[EMAIL_3] and [EMAIL_4]"


def test_json_stays_json_with_its_spacing_and_escapes() -> None:
    text = (
        '{ "to":"a\\n' + EMAIL + '", "card": 4539578763621486, "n": 12,\n "password" : "hunter2-Kx9", "é": "\\u00e9" }'
    )
    redacted = redact_text(text).text
    assert (
        redacted == '{ "to":"a\\n[EMAIL_1]", "card": "[CARD_1]", "n": 12,\n "password" : "[SECRET_1]", "é": "\\u00e9" }'
    )
    assert json.loads(redacted)["to"] == "a\n[EMAIL_1]"


def test_a_row_is_redacted_everywhere_with_the_same_marks() -> None:
    arguments = json.dumps({"to": EMAIL, "card": int(CARD.replace(" ", ""))})
    call = {"id": "c1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    row = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": f"Write to {OTHER_EMAIL}, not to {EMAIL}"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": f'{{"sent": ["{EMAIL}"]}}'},
        ],
        "metadata": {"customer": OTHER_EMAIL, "password": "hunter2-Kx9", "card": int(CARD.replace(" ", "")), "rows": 3},
    }
    redacted = redact_row(row)
    texts = json.dumps(redacted)
    assert redacted["messages"][0]["content"][0]["text"] == "Write to [EMAIL_1], not to [EMAIL_2]"
    written = json.loads(redacted["messages"][1]["tool_calls"][0]["function"]["arguments"])
    assert written == {"to": "[EMAIL_2]", "card": "[CARD_1]"}
    assert json.loads(redacted["messages"][2]["content"]) == {"sent": ["[EMAIL_2]"]}
    assert redacted["metadata"] == {"customer": "[EMAIL_1]", "password": "[SECRET_1]", "card": "[CARD_1]", "rows": 3}
    assert not any(value in texts for value in (EMAIL, OTHER_EMAIL, "hunter2", CARD.replace(" ", "")))


def test_only_the_kinds_that_are_asked_for_are_replaced() -> None:
    assert redact_text(f"{EMAIL} {PHONE}", ("phone",)).text == f"{EMAIL} [PHONE_1]"


def test_a_text_without_anything_is_given_back() -> None:
    text = '{"a": [1, 2.5, "b"], "c": "\\u00e9"}'
    assert redact_text(text).text is text
    assert redact_row({"messages": [{"role": "user", "content": text}]}) == {
        "messages": [{"role": "user", "content": text}]
    }


pieces = st.one_of(st.sampled_from([*VALUES, PASSWORD, " ", ", ", "\n", '"', "\\", "[EMAIL_1]"]), st.text(max_size=8))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(pieces, max_size=8).map(" ".join))
def test_nothing_is_found_after_redaction_in_words_or_in_json(text: str) -> None:
    redacted = redact_text(text).text
    assert find_spans(redacted) == []
    assert redact_text(redacted).text == redacted
    written = redact_text(json.dumps({"text": text, "list": [text]})).text
    assert find_spans(json.loads(written)["text"]) == []


def test_every_kind_has_a_mark() -> None:
    text = " ".join([*VALUES, PASSWORD])
    assert {span.kind for span in find_spans(text)} == set(KINDS)


def test_letters_that_are_longer_in_lower_case_hide_nothing() -> None:
    assert "hunter2" not in redact_text("İİİİ İstanbul İzmir hesabı, the password: hunter2-Kx9 tamam").text


def test_keys_are_redacted_like_values() -> None:
    row = redact_row({"messages": [], "metadata": {"jane.doe@posteo.de": "owner", "by": "jane.doe@posteo.de"}})
    assert row["metadata"] == {"[EMAIL_1]": "owner", "by": "[EMAIL_1]"}


def test_half_a_character_in_json_text_stays_as_it_was_read() -> None:
    text = redact_text('{"a": "\\ud800 jane.doe@posteo.de é"}').text
    assert json.loads(text) == {"a": "\ud800 [EMAIL_1] é"}


def test_the_last_sign_of_a_quoted_password_goes_too() -> None:
    assert "!" not in redact_text("{'password': 'Hunter22!'}").text
