from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from luthier.conversation import Conversation, Message, ToolCall
from luthier.data.dataset import Dataset, Example
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import PromptTooLong
from luthier.evaluation.gates.evidence import Findings
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.page import render_report
from luthier.evaluation.report import EvalReport, build_report
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.task import build_task
from tests.evaluation.reports import DATA, TRAINING, Made, make_findings, make_report
from tests.support.orders import answer_all_but, index_of, order_dataset, order_json, ramble

VOID = {"meta", "br", "input", "link", "img", "hr"}
HOSTILE = (
    "</pre></script><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>\u202e\x00\x1b[2J\ud800"
)


class Page(HTMLParser):
    """Keeps the tags and attributes, and fails at the first tag that closes what is not open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def values_of(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def build(wrong: dict[int, str] | None = None, *, is_pair: bool = True, name: str = "orders-v1") -> EvalReport:
    engine = ScriptedEngine({"smollm2": ramble, name: answer_all_but(wrong or {})})
    task = build_task(order_dataset(range(12)), parse_grader("json"), Sampling())
    baseline = run_evaluation(engine, "smollm2", task) if is_pair else None
    return build_report(task, run_evaluation(engine, name, task), baseline=baseline)


HOSTILE_MADE = Made(count=12, text=HOSTILE)
FULL_MADE = Made(base_passes_every=9)
FULL = make_report(FULL_MADE, findings=make_findings(FULL_MADE))

PAGES = {
    "whole": render_report(build({3: order_json(3, total=1)}), training=TRAINING, data=DATA, command="luthier <eval>"),
    "bare": render_report(build()),
    "single": render_report(build({3: "no"}, is_pair=False), data=DATA),
    "hostile": render_report(build({3: HOSTILE, 4: HOSTILE * 100, 5: ""}, name=HOSTILE[:50]), training=TRAINING),
    "full": render_report(FULL, training=TRAINING, data=DATA, command="luthier eval"),
    "hostile everywhere": render_report(
        make_report(HOSTILE_MADE, findings=make_findings(HOSTILE_MADE, is_bad=True)), training=TRAINING, command=HOSTILE
    ),
}


@pytest.fixture(params=PAGES, name="html")
def page_of_each_kind(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]


def test_every_tag_is_closed(html: str) -> None:
    assert Page(html).open == []


def test_nothing_leads_outside(html: str) -> None:
    page = Page(html)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert page.values_of("src") == []
    assert all(href.startswith("#") for href in page.values_of("href"))
    assert not re.search(r"url\(|@import", html)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]


def test_only_the_pages_own_style_and_script_may_run(html: str) -> None:
    policy = next(value for value in Page(html).values_of("content") if "default-src" in value)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        inline = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert len(inline) == 1
        digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", ["hostile", "hostile everywhere"])
def test_what_a_model_wrote_is_shown_and_inert(name: str) -> None:
    page = Page(PAGES[name])
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert "<script>alert(1)</script>" in page.text
    assert "⟨U+202E⟩⟨U+0000⟩⟨U+001B⟩[2J⟨U+D800⟩" in page.text
    assert PAGES[name].encode()
    assert not re.search("[\x00-\x08\x0e-\x1f\u202e]", PAGES[name])


def test_hostile_prompts_labels_and_metadata_are_inert() -> None:
    made = Made(count=30, text=HOSTILE)
    report = make_report(made)
    samples = tuple(
        replace(sample, prompt=(Message("user", HOSTILE),), tools=HOSTILE, metadata={HOSTILE: HOSTILE + str(index % 2)})
        for index, sample in enumerate(report.samples)
    )
    hostile = replace(report, name=HOSTILE, samples=samples)
    page = Page(render_report(hostile, data=replace(DATA, name=HOSTILE, findings={HOSTILE: 1})))
    assert {"slices", "labels"} <= set(list_sections(render_report(hostile)))
    assert page.open == []
    assert page.tags.count("script") == 1
    assert "img" not in page.tags


def test_a_text_that_is_cut_says_by_how_much() -> None:
    hidden = len(HOSTILE) * 100 - 4000
    assert f"{hidden:,} more characters are left out here" in Page(PAGES["hostile"]).text
    assert "more characters" not in PAGES["whole"]


def test_an_empty_answer_is_named() -> None:
    assert "no text at all" in Page(PAGES["hostile"]).text


def test_the_verdict_comes_first_with_its_reasons_and_gates() -> None:
    text = Page(PAGES["full"]).text
    assert FULL.verdict is not None
    places = [text.index(part) for part in ("Ship", "orders-v1 is better than smollm2.", *FULL.verdict.reasons)]
    assert places == sorted(places)
    assert text.index("The gain is proven") < text.index("What changed, case by case")


EVERY_SECTION = [
    "verdict", "effect", "cases", "fields", "labels", "measures", "slices", "forgetting", "contamination", "memory",
    "judge", "calibration", "service", "training", "data", "reproduce",
]  # fmt: skip


def list_sections(html: str) -> list[str]:
    return re.findall('section id="(.*?)"', html)


def test_a_report_with_everything_has_every_section_in_order_and_a_way_to_each() -> None:
    assert list_sections(PAGES["full"]) == EVERY_SECTION
    navigation = re.search("<nav.*?</nav>", PAGES["full"], re.DOTALL)
    assert navigation is not None
    assert re.findall('href="#(.*?)"', navigation.group()) == EVERY_SECTION[1:]


PARTS = {
    "forgetting": "forgetting",
    "contamination": "contamination",
    "judges": "judge",
}


@pytest.mark.parametrize("part", PARTS)
def test_a_section_is_gone_with_its_part(part: str) -> None:
    nothing = replace(FULL.findings, **{part: getattr(Findings(), part)})
    without = replace(FULL, findings=nothing)
    assert set(list_sections(render_report(without))) == set(EVERY_SECTION) - {PARTS[part], "training"}


def test_each_of_several_judges_is_shown() -> None:
    second = replace(FULL.judges[0], judge="second.json")
    text = Page(render_report(replace(FULL, findings=replace(FULL.findings, judges=(*FULL.judges, second))))).text
    assert text.count("Passes what people pass") == 2
    assert "second.json" in text


def test_sections_that_show_two_parts_go_with_the_last_of_them() -> None:
    findings = FULL.findings
    no_memory = replace(FULL, findings=replace(findings, memory=None))
    assert "memory" in list_sections(render_report(no_memory))
    assert "Rows it was trained on" not in render_report(no_memory)
    neither = replace(FULL, findings=replace(findings, memory=None, canaries=None, latency=(), costs=(), uses=None))
    assert {"memory", "service", "data"} & set(list_sections(render_report(neither))) == set()


def test_what_follows_from_the_answers_goes_with_the_grader_that_knows_it() -> None:
    plain = make_report(Made(count=12, has_grades=False))
    assert {"labels", "measures", "calibration"} & set(list_sections(render_report(plain))) == set()


def test_forgetting_that_could_not_be_measured_says_why() -> None:
    findings = replace(FULL.findings, forgetting=None, unmeasured={"forgetting": "gpt-4o has no weights <here>"})
    text = Page(render_report(replace(FULL, findings=findings))).text
    assert "Not measured: gpt-4o has no weights <here>." in text


def test_numbers_are_those_of_the_report() -> None:
    text = Page(PAGES["full"]).text
    comparison = FULL.comparison
    assert comparison is not None
    assert FULL.verdict is not None
    for gate in FULL.verdict.gates:
        assert f"{gate.name} {gate.measured} {gate.wanted}" in text
    for said in (
        f"{FULL.candidate.passed} of {FULL.candidate.total}",
        f"{comparison.fixed} fixed",
        f"{comparison.broken} broken",
        "No worse by regex:^\\{",
        "29 of 30",
        "49 of 50 cases",
        "1.1 s (0.9 s to 1.3 s)",
        "This is use number 3",
        "learning_rate 0.0002",
    ):
        assert said in text, said


def test_evidence_of_leaks_and_lost_skills_stands_side_by_side() -> None:
    report = make_report(Made(count=12), findings=make_findings(is_bad=True))
    html = render_report(report)
    assert Page(html).tags.count("mark") > 0
    assert 'mark class="shared"' in html
    assert "The training row itself is not kept." in html
    assert "lower the learning rate" in html
    assert "wrote the secret of canary-1" in html
    assert '<details class="probes" open>' in html


def test_both_answers_are_compared_with_each_other_too() -> None:
    engine = ScriptedEngine({"smollm2": answer_all_but({}), "orders-v1": answer_all_but({2: order_json(2, total=1)})})
    task = build_task(order_dataset(range(12)), parse_grader("json"), Sampling())
    results = [run_evaluation(engine, model, task) for model in engine.answers]
    html = render_report(build_report(task, results[1], baseline=results[0]))
    assert "<del>48.5</del> <ins>1</ins>" in html
    assert "Both gave the same answer." in html


def test_five_hundred_cases_fit_in_a_page_that_opens_at_once() -> None:
    report = make_report(Made(count=500, has_grades=False, text="word " * 800))
    html = render_report(report)
    assert len(html.encode()) < 5_000_000
    assert html.count('<details class="case"') == 500


def test_a_page_of_one_case_is_whole() -> None:
    html = render_report(make_report(Made(count=1, has_grades=False)))
    assert Page(html).open == []
    assert "Cannot tell yet" in html


def test_broken_cases_come_first_and_are_open() -> None:
    engine = ScriptedEngine(
        {"smollm2": answer_all_but({0: "no", 1: "no"}), "orders-v1": answer_all_but({1: "no", 2: "no"})}
    )
    task = build_task(order_dataset(range(12)), parse_grader("json"), Sampling())
    results = [run_evaluation(engine, model, task) for model in engine.answers]
    html = render_report(build_report(task, results[1], baseline=results[0]))
    assert re.findall('class="group" id="(.*?)"', html) == ["broken", "fixed", "both-wrong", "both-right"]
    assert re.search(r'id="broken".*?<details class="case" id="line-3"[^>]* open>.*?line 3<', html, re.DOTALL)


def test_missing_answers_have_a_place_of_their_own() -> None:
    def refuse(messages: tuple[Message, ...]) -> str:
        if index_of(messages) in (0, 1):
            raise PromptTooLong("the prompt has 9 tokens")
        return ramble(messages)

    engine = ScriptedEngine({"smollm2": refuse, "orders-v1": answer_all_but({1: "no"})})
    task = build_task(order_dataset(range(12)), parse_grader("json"), Sampling())
    results = [run_evaluation(engine, model, task) for model in engine.answers]
    html = render_report(build_report(task, results[1], baseline=results[0]))
    assert re.findall('class="group" id="(.*?)"', html) == ["fixed", "not-compared", "both-wrong"]
    assert re.search(r'id="not-compared".*?line 1<.*?chip unanswered.*?the prompt has 9 tokens', html, re.DOTALL)
    assert '<td data-label="No answer">2</td>' in html


def test_calls_are_shown_with_the_tools_that_were_offered() -> None:
    got, wanted = (ToolCall("1", "find", json.dumps({"what": what})) for what in ("lamp", "desk"))
    tools = '[{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]'
    conversation = Conversation((Message("user", "a desk?"), Message("assistant", tool_calls=(wanted,))), tools)
    task = build_task(
        Dataset("shop", Path("shop.jsonl"), (Example(conversation, 1),)), parse_grader("json"), Sampling()
    )
    engine = ScriptedEngine({"caller": lambda _: Message("assistant", tool_calls=(got,))})
    report = build_report(task, run_evaluation(engine, "caller", task))
    page = Page(render_report(report))
    assert "lamp" in report.candidate.outcomes[0].explanation
    assert report.candidate.outcomes[0].explanation in page.text
    assert '"parameters"' in page.text
    assert page.values_of("class").count("wrong") == 1 + page.text.count("unlike the reference")


def test_costs_and_engines_are_told_where_they_differ() -> None:
    report = build()
    assert "Cost" not in Page(render_report(report)).text
    outcomes = tuple(replace(outcome, cost_dollars=0.01) for outcome in report.candidate.outcomes)
    manifest = replace(report.candidate.manifest, engine="remote/chat-completions")
    hosted = replace(report, candidate=replace(report.candidate, manifest=manifest, outcomes=outcomes))
    text = Page(render_report(hosted)).text
    assert "$0.12" in text
    assert "different engines, scripted and remote/chat-completions" in text


def test_what_differs_is_highlighted() -> None:
    assert '&#34;total&#34;: <mark class="wrong">1</mark>' in PAGES["whole"]
    assert re.sub('class="legend.*?</p>', "", PAGES["whole"]).count("<mark") == 1


def test_one_model_alone_gets_no_verdict_but_a_warning_when_it_saw_the_test() -> None:
    assert 'class="verdict' not in PAGES["single"]
    report = build(is_pair=False)
    outcomes = (replace(report.candidate.outcomes[0], was_trained_on=True), *report.candidate.outcomes[1:])
    seen = replace(report, candidate=replace(report.candidate, outcomes=outcomes))
    assert "1 test case (line 1) stood in the training data of orders-v1" in Page(render_report(seen)).text


def test_warnings_of_the_verdict_stand_at_the_top() -> None:
    report = build()
    assert report.verdict is not None
    warned = replace(report, verdict=replace(report.verdict, warnings=("Their templates differ <a lot>.",)))
    text = Page(render_report(warned)).text
    assert text.index("Their templates differ <a lot>.") < text.index("Enough cases to decide")


def test_graphics_and_tables_can_be_read_aloud(html: str) -> None:
    assert html.count("<title>") >= 2
    for svg in re.findall(r'<svg[^>]*role="img".*?</svg>', html, re.DOTALL):
        assert "<title>" in svg
        assert "<desc>" in svg
    assert all("scope=" in heading for heading in re.findall("<th[ >].*?>", html))
    assert 'lang="en"' in html


def test_without_the_script_every_case_is_there_and_the_filter_is_not() -> None:
    assert re.search(r'<div id="filter" role="search" hidden>', PAGES["whole"])
    assert PAGES["whole"].count('<details class="case"') == 12
    assert not re.search(r"<details[^>]*hidden", PAGES["whole"])


def test_a_report_read_back_renders_the_same_page() -> None:
    report = build({3: HOSTILE})
    assert render_report(EvalReport.from_json(report.to_json())) == render_report(report)


def relative_luminance(colour: str) -> float:
    """Source: WCAG 2.2, definition of relative luminance."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_text_has_enough_contrast(scheme: int) -> None:
    """Source: WCAG 2.2, success criterion 1.4.3: 4.5 to 1."""
    block = re.findall(r":root \{(.*?)\}", PAGES["bare"], re.DOTALL)[scheme]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", block))
    pairs = [(ink, ground) for ink in ("ink", "soft", "wood", "good", "bad", "open") for ground in ("paper", "field")]
    pairs += [("ink", ground) for ground in ("wrong", "missing", "added", "shared")]
    for ink, ground in pairs:
        low, high = sorted(relative_luminance(colours[name]) for name in (ink, ground))
        assert (high + 0.05) / (low + 0.05) >= 4.5, f"{ink} on {ground}"
