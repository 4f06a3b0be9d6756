"use strict";
// Without this script a title tells each token's number to a mouse, and the table to everyone; with it, so do the arrow keys.
const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 };

for (const group of document.querySelectorAll(".tokens")) {
  const tokens = [...group.querySelectorAll(".token")];
  const status = group.nextElementSibling;
  let here = -1;

  function move(next) {
    if (here >= 0) tokens[here].classList.remove("here");
    here = Math.max(0, Math.min(tokens.length - 1, next));
    tokens[here].classList.add("here");
    tokens[here].scrollIntoView({ block: "nearest" });
    status.textContent = `“${tokens[here].textContent}”: ${tokens[here].title}`;
  }

  group.addEventListener("keydown", (event) => {
    const last = tokens.length - 1;
    const next = event.key === "Home" ? 0 : event.key === "End" ? last : here + STEPS[event.key];
    if (Number.isNaN(next) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    move(here < 0 && event.key !== "End" ? 0 : next);
  });
  group.addEventListener("click", (event) => {
    const index = tokens.indexOf(event.target.closest(".token"));
    if (index >= 0) move(index);
  });
}
