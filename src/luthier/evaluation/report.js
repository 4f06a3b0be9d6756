"use strict";
// Without this script every case is there all the same; with it, a word narrows the list.
const bar = document.getElementById("filter");
const input = bar.querySelector("input");
const status = bar.querySelector("[role=status]");
const cases = [...document.querySelectorAll("details.case")];
const texts = cases.map((item) => item.textContent.toLowerCase());

function narrow() {
  const wanted = input.value.trim().toLowerCase();
  cases.forEach((item, index) => {
    item.hidden = !texts[index].includes(wanted);
  });
  for (const group of document.querySelectorAll(".group")) {
    group.hidden = !group.querySelector("details.case:not([hidden])");
  }
  const count = cases.filter((item) => !item.hidden).length;
  status.textContent = wanted ? `${count} of ${cases.length}` : "";
}

input.addEventListener("input", narrow);
addEventListener("beforeprint", () => cases.forEach((item) => (item.open = true)));
bar.hidden = false;
