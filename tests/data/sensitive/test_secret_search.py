"""Each issuer's shape is found to the letter, and what only looks random is left alone."""

from __future__ import annotations

import random
import string

import pytest

from luthier.data.sensitive.secret_search import find_secrets, is_random, may_hold_secret
from luthier.data.sensitive.secret_shapes import SECRET_SHAPES
from luthier.data.sensitive.spans import find_spans

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def draw(count: int, signs: str = LETTERS) -> str:
    """As random as a key, the same in every run, and never a real one."""
    return "".join(random.Random(count).choices(signs, k=count))


TOKENS = {
    "OpenAI key": (f"sk-proj-{draw(80)}", f"sk-{draw(20)}T3BlbkFJ{draw(20)}"),
    "Anthropic key": (f"sk-ant-api03-{draw(90)}",),
    "Google API key": (f"AIza{draw(35)}",),
    "Hugging Face token": (f"hf_{draw(34, string.ascii_letters)}",),
    "AWS access key": (f"AKIA{draw(16, string.ascii_uppercase + '234567')}",),
    "GitHub token": (f"ghp_{draw(36)}", f"github_pat_{draw(22)}_{draw(59)}"),
    "GitLab token": (f"glpat-{draw(20)}",),
    "Slack token": (f"xoxb-{draw(12, string.digits)}-{draw(12, string.digits)}-{draw(24)}",),
    "Slack webhook": (f"https://hooks.slack.com/services/T{draw(8)}/B{draw(8)}/{draw(24)}",),
    "Stripe key": (f"sk_live_{draw(24)}", f"rk_live_{draw(24)}"),
    "SendGrid key": (f"SG.{draw(22)}.{draw(43)}",),
    "npm token": (f"npm_{draw(36)}",),
    "PyPI token": (f"pypi-AgEIcHlwaS5vcmc{draw(70)}",),
    "Mailchimp key": (f"{draw(32, HEX)}-us12",),
    "Telegram token": (f"{draw(9, '123456789')}:AA{draw(33)}",),
    "Azure storage key": (f"AccountKey={draw(86)}==",),
    "JSON Web Token": (f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.{draw(43)}",),
    "private key": (f"-----BEGIN OPENSSH PRIVATE KEY-----\n{draw(70)}\n{draw(70)}\n-----END OPENSSH PRIVATE KEY-----",),
}
CASES = [(name, token) for name, tokens in TOKENS.items() for token in tokens]


@pytest.mark.parametrize(("name", "token"), CASES)
@pytest.mark.parametrize("around", ["{}", "use {} now", "key={}", '"{}"', "({}).", "a:{};b"])
def test_a_token_is_found_from_its_first_letter_to_its_last(name: str, token: str, around: str) -> None:
    spans = find_spans(around.format(token), ("secret",))
    assert [(span.name, span.value) for span in spans] == [(name, token)]
    assert around.format(token)[spans[0].start : spans[0].end] == token


def test_every_shape_is_tried_on_texts_that_hold_its_mark() -> None:
    assert {name for name, _ in CASES} <= {shape.name for shape in SECRET_SHAPES}
    assert all(shape.marks and all(shape.marks) for shape in SECRET_SHAPES)


@pytest.mark.parametrize(("name", "token"), CASES)
def test_the_cheap_test_lets_no_token_through(name: str, token: str) -> None:
    assert may_hold_secret(token)
    assert not may_hold_secret("It was a dark and stormy night; the rain fell in torrents.")


def test_what_another_scanner_finds_by_shape_is_found_here_too() -> None:
    """An oracle: detect-secrets, with those of its plugins that know a token by its shape."""
    mapping = pytest.importorskip("detect_secrets.core.plugins.util").get_mapping_from_secret_type_to_class()
    loose = {
        "KeywordDetector",
        "Base64HighEntropyString",
        "HexHighEntropyString",
        "IPPublicDetector",
        "BasicAuthDetector",
    }
    plugins = [plugin() for plugin in mapping.values() if plugin.__name__ not in loose]
    found = [token for _, token in CASES if any(list(plugin.analyze_string(f"use {token} now")) for plugin in plugins)]
    assert len(found) >= 10
    assert all(list(find_secrets(f"use {token} now")) for token in found)


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "The password is hunter2-Kx9.",
        '{"password": "p4ss word"}'.replace(" w", "w"),
        f'API_KEY = "{draw(20)}"',
        f'"client_secret": "{draw(24, HEX)}"',
        f"aws_secret_access_key = {draw(40)}",
        f"token: {draw(32)}",
        "Passwort: Sommer2024!",
        "la contraseña es Verano2024",
        "pwd: 123456",
        "postgres://joe:kD92mLx0Q7@db.acme.io:5432/prod",
        f"Authorization: Bearer {draw(30)}",
    ],
)
def test_a_secret_beside_a_word_for_it_is_found(text: str) -> None:
    assert [span.kind for span in find_spans(text, ("secret",))] == ["secret"]


@pytest.mark.parametrize(
    "text",
    [
        draw(40, HEX),
        "commit " + draw(64, HEX),
        "550e8400-e29b-41d4-a716-446655440000",
        '"session_token": "550e8400-e29b-41d4-a716-446655440000"',
        f"data:image/png;base64,{draw(300)}",
        "The password is incorrect, please try again.",
        "Password: required, at least 8 characters",
        "Your password must be 8-20 characters long",
        'password = os.environ["DB_PASSWORD"]',
        "const secret = process.env.SECRET_KEY",
        'api_key = "YOUR_API_KEY"',
        "password: ********",
        "password: <your password>",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-" + "x" * 48,
        "postgres://user:password@localhost/db",
        "max_tokens: 1024, tokens: 4096",
        "token: next_page_token_value",
        "token: 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "The secret: never give up",
        "the secret is hard-work-2-day",
        "password: [SECRET_1]",
        "credentials: see 1Password",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert find_spans(text, ("secret",)) == []


@pytest.mark.parametrize(("text", "expected"), [(draw(20), True), ("a" * 20, False), ("get_user_name_by_id_2", False)])
def test_random_means_varied(text: str, expected: bool) -> None:
    assert is_random(text) is expected
