"""The cheap signs of mojibake are there wherever ftfy finds some, and no sound text is changed in any language."""

from __future__ import annotations

import pytest
from ftfy import fix_encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.lint.mojibake import WRONG_ENCODINGS, fix_mojibake

SOUND = (
    "C’était le meilleur des temps, « l’âge » de la sagesse : ça coûte 5 €, œuvre comprise.",
    "Schöne Grüße aus Köln – „Übermut“ tut selten gut, Straße 7½, −5 °C.",
    "¿Cuántos años tiene el niño? ¡Mañana será otro día! Ça, São João, coração.",
    "Zażółć gęślą jaźń. Příliš žluťoučký kůň. Árvíztűrő tükörfúrógép. Știință, șapte.",
    "İstanbul’da güneşli bir gün; çok teşekkür ederim. Việt Nam: phở bò Đà Nẵng.",
    "Съешь же ещё этих мягких французских булок, её звали «Алёна»… № 5",
    "Щасливого Різдва! Її ім’я — Ґанна. Ζαφείρι δέξου πάγκαλο, βαθῶν ψυχῆς τὸ σῆμα.",
    "日本語の「引用」と、中文（简体）。한국어 문장입니다. ｆｕｌｌｗｉｄｔｈ",
    "السلام عليكم، كيف حالك؟ می‌خواهم. שלום עולם! नमस्ते दुनिया। สวัสดีครับ",
    "π ≈ 3.14159, √2 · ∑ₙ xₙ² ≤ ∞, ∀x∈ℝ: x²≥0, ½ + ¼ × ± µm Å",
    "👩‍👩‍👧 🏳️‍🌈 ❤️ ✓ ✗ → ← ★ ☎ ♫ © ® ™ § ¶ † ‡ • … “quotes” ‘single’",
    "┌─┬─┐ │ box │ └─┴─┘ ░▒▓█ ÄÖÜ ÀÈÌ ÑÇ ÅÆØ Þórður",
)
MEANT = (
    *("café", "naïve façade", "Grüße", "l’âge “d’or” — fin…", "5 € / 7 £", "señor niño", "Привет, мир", "日本語です"),
    *("Γειά σου", "שלום", "مرحبا", "dəqiqə", "Zażółć", "🙂 ok", "São João", "½ × 3 °C"),
)


@pytest.mark.parametrize("text", SOUND)
def test_a_sound_text_stays_as_it_is(text: str) -> None:
    assert fix_mojibake(text) == text


@pytest.mark.parametrize("meant", MEANT)
def test_a_text_that_was_read_wrongly_is_put_right(meant: str) -> None:
    assert fix_mojibake(meant.encode().decode("sloppy-windows-1252")) == meant


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([*MEANT, *(word for text in SOUND for word in text.split())]), min_size=1, max_size=6),
    st.sampled_from([*WRONG_ENCODINGS, "sloppy-windows-1251"]),
)
def test_what_ftfy_would_change_is_shown_to_it(words: list[str], encoding: str) -> None:
    wrong = " ".join(words).encode().decode(encoding)
    assert fix_mojibake(wrong) == fix_encoding(wrong)
