"""LD30x: answers that refuse, or speak about the model that wrote them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from luthier.data.expression import either
from luthier.data.formats.openai_chat import Row
from luthier.data.lint.rule import Rule, show_around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding


REFUSED = either(
    r"assist",
    r"help(?! (?:but|it\b|the way|feeling|thinking|wondering|myself))",
    r"fulfill?",
    r"comply",
    r"provide",
    r"do (?:that|this|so)",
    r"answer (?:that|this|your)",
    r"discuss",
    r"engage",
    r"generate",
    r"create",
    r"(?:re)?write",
    r"produce",
    r"predict",
    r"perform",
    r"execute",
    r"pretend",
    r"role-?play",
    r"search (?:the|for)",
    r"complete (?:that|this|your)",
    r"support (?:that|this|your)",
    r"continue (?:this|the) (?:conversation|discussion)",
    r"participate",
    r"offer",
    r"give (?:you )?(?:any )?(?:medical|legal|financial )?advice",
    r"recommend",
    r"share",
    r"access",
    r"browse",
    r"open (?:that|this|the|links|files)",
    r"view",
    r"see (?:images|pictures|the image|the picture)",
    r"proceed",
    r"process (?:that|this|your|images)",
)
"""What a refusal says it cannot do. Not find, locate, ship, refund: a service desk rightly cannot do these."""

CANNOT = either(
    r"can(?:'t|not| not)(?: in good conscience)?",
    r"(?:am|are|'m|'re) (?:simply )?(?:not (?:able|allowed|permitted|programmed|designed)|unable)(?: to)?",
    r"(?:won't|will not)(?: be able to)?",
    r"do(?:n't| not) have the (?:ability|capability|capacity|permission) to",
)
INABILITY = either(
    rf"(?:simply |just |really )?{CANNOT} (?:actually |directly |fully )?{REFUSED}\b",
    r"(?:must|have to) (?:respectfully )?decline",
    r"(?:do(?:n't| not) feel|(?:am|'m) not) comfortable",
    r"do(?:n't| not) have access to (?:real-?time|the internet|current|up-to-date|live|external|any|(?:the )?full)",
)
REGRET = either(
    r"(?:i'?m|i am|we'?re|we are)? ?(?:so |very |really |terribly )?(?:sorry|afraid)",
    r"(?:i|we) apologi[sz]e",
    r"(?:my )?apologies",
    r"unfortunately",
    r"regrettably",
    r"no",
)
REFUSAL = re.compile(
    rf"(?:{REGRET}[,.:;!\- ]*)?"
    r"(?:for (?:the|any) (?:confusion|inconvenience)[,. ]*)?(?:but |however,? |that )?"
    r"(?:as an? (?:ai|artificial|language|large|chatbot|text)[^.!?\n]{0,60}?[, ])?"
    rf"(?:it(?:'s| is) not (?:appropriate|ethical|possible) for me to|(?:i|we) ?{INABILITY})"
)
"""At the beginning of an answer in lower case and with straight apostrophes."""

FOREIGN_REFUSALS = (
    "es tut mir leid, aber ich kann",
    "tut mir leid, aber ich kann",
    "je suis désolé, mais je ne peux pas",
    "désolé, mais je ne peux pas",
    "lo siento, pero no puedo",
    "lo siento, no puedo",
    "mi dispiace, ma non posso",
    "desculpe, mas não posso",
    "sinto muito, mas não posso",
    "het spijt me, maar ik kan",
    "przykro mi, ale nie mogę",
    "извините, но я не могу",
    "к сожалению, я не могу",
    "抱歉,我无法",
    "抱歉,我不能",
    "对不起,我无法",
    "对不起,我不能",
    "很抱歉,我无法",
    "很抱歉,我不能",
    "申し訳ありませんが、お",
    "申し訳ございませんが、その",
    "죄송하지만 저는",
)
"""Beginnings of refusals in other languages, in lower case."""

MODEL = either(
    r"(?:ai|artificial intelligence)(?: language| text-based)? (?:model|system)",
    r"(?:large )?language model",
    r"ai chatbot",
)
BREAK_BEFORE_AS = r"(?<!\was an)"
"""Not "has an"; it stands behind the words, because an expression that begins with words is found faster."""

MADE = either("created", "developed", "trained", "made", "built", "designed", "programmed")
TALK = (
    ("as an ai", rf"as an{BREAK_BEFORE_AS} {MODEL}\b"),
    ("as an ai", rf"as an{BREAK_BEFORE_AS} ai(?: assistant)?(?:,? i\b| (?:{MADE}|without|with)\b)"),
    ("as an artificial", rf"as an{BREAK_BEFORE_AS} artificial intelligence(?: language)?(?: model\b| system\b|,? i\b)"),
    ("as a language model", r"as a language model(?: ai)?,? i\b"),
    ("as a large language", r"as a large language model\b"),
    ("as a chatbot", r"as a chatbot,? i\b"),
    ("i'm ", rf"i'm (?:just |only )?an? {MODEL}\b"),
    ("i am ", rf"i am (?:just |only )?an? {MODEL}\b"),
    ("an ai", rf"\bi(?:'m| am) (?:[a-z]{{2,12}}, )?an ai (?:assistant |chatbot )?{MADE} by\b"),
    ("chatgpt", r"\bi(?:'m| am) chatgpt\b"),
    ("my knowledge", r"my knowledge cut-?off"),
    ("my training", r"my training (?:cut-?off|data (?:only )?(?:goes|ends))"),
    ("my last", r"my last (?:knowledge |training )?update\b"),
    ("have personal", r"i (?:do not|don't) have personal (?:opinions|beliefs|feelings|experiences|preferences)\b"),
    ("have feelings", r"i (?:do not|don't) have feelings or emotions\b"),
)
TALK_SEARCHES = tuple((mark, re.compile(expression)) for mark, expression in TALK)
"""Each with a mark that stands in every text, in lower case, in which the expression can be found."""

FOREIGN_TALK = (
    "作为一个ai",
    "作为ai",
    "作为一名ai",
    "作为一个人工智能",
    "作为人工智能",
    "作为一个语言模型",
    "als ki-sprachmodell",
    "als ki-modell",
    "en tant que modèle de langage",
    "en tant qu'ia",
    "como modelo de lenguaje",
    "como modelo de linguagem",
    "in quanto modello linguistico",
    "как языковая модель",
    "言語モデルとして",
)


class Refusal(Rule[Row]):
    """An answer that begins by refusing to help."""

    code = "LD308"
    name = "refusal"
    severity = "warning"
    judges_answer = True
    why = "a few refusals of harmless requests teach a model to refuse many; a model that wrote data leaves them behind"
    example = (
        '{"messages": [{"role": "user", "content": "Rhyme on moon."}, '
        '{"role": "assistant", "content": "I\'m sorry, but I can\'t assist with that."}]}'
    )
    hint = "write the answer, or delete the row; refusals that are meant can stay"

    def check(self, subject: Row) -> Iterator[Finding]:
        for answer in subject.answers:
            if _is_refusal(answer.text):
                text = f"the answer in message {answer.position} is a refusal"
                yield self.finding(subject.line, text, at=answer.position, text=answer.text)


class ModelTalk(Rule[Row]):
    """An answer in which the assistant speaks of itself as a language model."""

    code = "LD309"
    name = "model-talk"
    severity = "warning"
    judges_answer = True
    why = "it was left by the model that wrote the data, says nothing about the task, and is learned at once"
    example = (
        '{"messages": [{"role": "user", "content": "Tea or coffee?"}, '
        '{"role": "assistant", "content": "As an AI language model, I don\'t drink. Many people like tea."}]}'
    )
    hint = "delete that sentence, or the row"

    def check(self, subject: Row) -> Iterator[Finding]:
        for answer in subject.answers:
            place = _find_talk(_write_plain(answer.text))
            if place >= 0:
                text = f"the answer in message {answer.position} speaks as a language model"
                yield self.finding(subject.line, text, at=answer.position, text=show_around(answer.text, place))


def _write_plain(text: str) -> str:
    return text.replace("\u2019", "'").lower()


def _find_talk(plain: str) -> int:
    """Where it begins; -1 for nowhere."""
    found = [search.search(plain) for mark, search in TALK_SEARCHES if mark in plain]
    places = [match.start() for match in found if match]
    if not plain.isascii() or "model" in plain or "qu'ia" in plain:
        places += [plain.find(talk) for talk in FOREIGN_TALK if talk in plain]
    return min(places, default=-1)


def _is_refusal(text: str) -> bool:
    beginning = _write_plain(text[:200].lstrip())
    return bool(REFUSAL.match(beginning)) or beginning.replace("\uff0c", ",").startswith(FOREIGN_REFUSALS)
