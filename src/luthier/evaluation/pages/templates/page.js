"use strict";
// Without this script every case is there all the same; with it, words and keys narrow the list and walk through it.
const bar = document.getElementById("filter");
const cases = [...document.querySelectorAll("details.case")];

function startFilter() {
  const search = bar.querySelector("input");
  const status = bar.querySelector("[role=status]");
  const choose = (name) => bar.querySelector(`select[name=${name}]`);
  const texts = cases.map((item) => item.textContent.toLowerCase());
  const opened = new Set();

  function isWanted(item, index) {
    const [group, field] = [choose("group"), choose("field")];
    return texts[index].includes(search.value.trim().toLowerCase())
      && (!group.value || item.closest(".group").id === group.value)
      && (!field?.selectedIndex || (item.dataset.fields?.split("\n") ?? []).includes(field.value));
  }

  function narrow() {
    const isFresh = !status.textContent;
    const wanted = cases.filter((item, index) => {
      item.hidden = !isWanted(item, index);
      return !item.hidden;
    });
    const isNarrowed = wanted.length < cases.length;
    for (const part of document.querySelectorAll(".group, details.more")) {
      part.hidden = !part.querySelector("details.case:not([hidden])");
    }
    for (const more of document.querySelectorAll("details.more")) {
      if (isFresh && more.open) opened.add(more);
      more.open = isNarrowed || opened.has(more);
    }
    if (!isNarrowed) opened.clear();
    status.textContent = isNarrowed ? `${wanted.length} of ${cases.length}` : "";
  }

  bar.addEventListener("input", narrow);
  bar.hidden = false;
  narrow(); // a reader who comes back finds the fields filled in
  return search;
}

function step(direction) {
  const seen = cases.filter((item) => item.checkVisibility());
  const now = seen.findIndex((item) => item.contains(document.activeElement));
  const next = seen[now < 0 ? 0 : Math.min(seen.length - 1, Math.max(0, now + direction))];
  if (next) {
    next.querySelector("summary").focus();
    next.scrollIntoView({ block: "nearest" });
  }
}

function onKey(event, search) {
  const isTyping = event.target.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === search) {
    search.value = "";
    search.dispatchEvent(new Event("input", { bubbles: true }));
    search.blur();
  } else if (!isTyping && event.key === "/") {
    event.preventDefault();
    search.focus();
  } else if (!isTyping && (event.key === "j" || event.key === "k")) {
    step(event.key === "j" ? 1 : -1);
  }
}

function openTarget() {
  const target = document.querySelector("details.case:target");
  for (let part = target; part; part = part.parentElement.closest("details")) part.open = true;
  target?.scrollIntoView();
}

addEventListener("load", openTarget);
addEventListener("hashchange", openTarget);
if (bar) {
  const search = startFilter();
  addEventListener("keydown", (event) => onKey(event, search));
}
