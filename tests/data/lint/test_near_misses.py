"""Text of every kind in which nothing is wrong: no rule about what is said may have anything to say."""

from __future__ import annotations

import pytest

from luthier.data.formats.openai_chat import view_row
from luthier.data.lint.registry import ROW_RULES
from tests.data.rows import message

ROWS = {
    "a poem that repeats itself": (
        "Write a sad poem.",
        "And my heart is a stone,\nAnd my heart is a stone,\nAnd the river runs on\nto the sea that I long for",
    ),
    "a letter with its close": (
        "Thank my aunt for the book.",
        "Dear Aunt May,\n\n" + "Thank you so much! " * 14 + "\n\nYours,\nBen",
    ),
    "legal text": (
        "Quote the clause.",
        "(a) The Licensee shall not, directly or indirectly, (i) copy, (ii) modify or (iii) sublicense the Software; "
        "(b) any breach of Section 4.2(a) entitles the Licensor to terminate this Agreement [emphasis added], "
        "subject to § 9.",
    ),
    "code": (
        "Read a file in Python.",
        "Open it in a `with` block:\n\n```python\nwith open(path) as file:\n    text = file.read()  # {name} ${x}\n"
        "password = os.environ['DB_PASSWORD']\n```\n\nThe block closes it for you.",
    ),
    "code in four backticks": ("Show me markdown.", "````\n```js\nconsole.log(`${user_name}`)\n```\n````"),
    "a regular expression": (
        "Match a line break.",
        r"Use `\r?\n`, or `[\r\n]+` for several; `\\n` is a backslash and an n.",
    ),
    "mathematics": (
        "Derive it.",
        r"Let \(f(x) = \frac{x_{i_j}}{\sqrt{2\pi}}\). Then \[\nabla f = \sum_{n=1}^{\infty} \frac{{a}_n}{n!}\] "
        r"where $a<b$ and $5.",
    ),
    "markdown": (
        "List links.",
        "- [the site](https://example.com/a?b=1&c=2)\n- [ ] milk\n- **bold** and *italic*\n\n"
        "> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    ),
    "JSON": ("Extract it.", '{"name": "Ann", "text": "one\\n\\ntwo\\nthree", "list": [null, "nan", 1e5]}'),
    "HTML": ("Escape <b>.", "Write &lt;b&gt; for it, and &amp; for the sign itself."),
    "French": ("Ça va ?", "Oui, merci ! L’été, c’est à vous d’en décider ; n’est-ce pas « parfait » ?"),
    "German": ("Wie heißt das?", "Es heißt „Übermut“ – tut mir leid, das weiß ich: Straße, Größe, Öl."),
    "Russian": ("Как её зовут?", "Её зовут Алёна; «ещё» пишется через ё. Извините за ожидание!"),
    "Chinese": ("你好吗？", "我很好，谢谢！抱歉让您久等了，您的订单已经发货。"),
    "Japanese": ("元気ですか？", "はい、元気です。申し訳ございません、少々お待ちください。"),
    "Arabic": ("كيف حالك؟", "أنا بخير، شكراً جزيلاً! \u2067النص\u2069 من اليمين."),
    "Persian": ("چه می\u200cخواهید؟", "کتاب\u200cها را می\u200cخواهم."),
    "Hindi": ("आप कैसे हैं?", "मैं ठीक हूँ, क्\u200dष धन्यवाद।"),
    "emoji": ("👩‍👩‍👧?", "🏴󠁧󠁢󠁳󠁣󠁴󠁿 ❤️‍🔥 👍🏽"),
    "an apology that helps": (
        "My parcel is late!",
        "I'm sorry to hear that. I can't see it here; could you send me the number?",
    ),
    "an answer about models": (
        "What is BERT?",
        "BERT is a language model, and as a model of language it predicts words.",
    ),
    "a label": ("Which class?", "None"),
    "a number": ("2 + 2?", "4"),
    "a list that ends in a number": (
        "How many?",
        "Adding the two columns gives the total that you asked for. " * 5 + "\n42.",
    ),
    "a table of numbers": ("Print zeros.", "0.0, 0.0, 0.0, 0.0, " * 20 + "0.0"),
    "hashes and ids": (
        "Which commit?",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709, session 550e8400-e29b-41d4-a716-446655440000",
    ),
    "dates and prices": (
        "When?",
        "On 2023-10-12 at 10:30:00 for $1,299,999.00, order 100-2345678-9012345, version 10.0.19045.3570",
    ),
    "marks of redaction": ("Who?", "[EMAIL_1] wrote to [PHONE_2] about [CARD_1], [IBAN_1], [SECRET_3] and [IP_1]."),
    "a script that was asked for": ("Write a dialogue.", "User: Hello!\nBot: Hi!\nUser: Bye!"),
    "a template that was asked for": (
        "Write an invoice template.",
        "Dear [Client Name], your total is {{total_price}}.",
    ),
    "a correction without a mistake": (
        "Correct the spelling: the quick brown fox jumps over the lazy dog.",
        "Correct the spelling: the quick brown fox jumps over the lazy dog.",
    ),
}


@pytest.mark.parametrize("kind", ROWS)
def test_nothing_is_found_in(kind: str) -> None:
    question, answer = ROWS[kind]
    row = view_row(1, {"messages": [message("user", question), message("assistant", answer)]})
    assert [finding for rule in ROW_RULES for finding in rule.check(row)] == []


def test_an_answer_that_is_not_learned_may_be_bad() -> None:
    bad = message("assistant", "I'm sorry, but I can't assist with that. [Your Name]", weight=0)
    row = view_row(1, {"messages": [message("user"), bad, message("user", "Please!"), message("assistant", "Gladly.")]})
    assert [finding for rule in ROW_RULES for finding in rule.check(row)] == []
