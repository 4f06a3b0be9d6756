// What a page is asked about itself once it is drawn. Each function gives what is wrong, as words; nothing wrong is [].
const name = (element) => {
  const own = [element.localName, element.id && `#${element.id}`, ...[...element.classList].map((each) => `.${each}`)];
  return `${own.join("")} “${element.textContent.trim().slice(0, 40)}”`;
};
const isDrawn = (element) => element.checkVisibility({ contentVisibilityAuto: true }) && element.getClientRects().length > 0;
const isForEarsOnly = (element) => getComputedStyle(element).clipPath === "inset(50%)";
const listDrawn = (selector) => [...document.querySelectorAll(selector)].filter((each) => isDrawn(each) && !each.closest(".unseen, .skip:not(:focus)"));

function findOverflow() {
  const wide = document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : [];
  const out = listDrawn("body *").filter((each) => {
    const box = each.getBoundingClientRect();
    const isScrolled = each.parentElement.closest(".scroll");
    return !isScrolled && !isForEarsOnly(each) && !each.closest("thead, svg") && box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
  });
  const clipped = listDrawn("body *").filter((each) => {
    const hides = ["hidden", "clip"].includes(getComputedStyle(each).overflowX);
    return hides && !isForEarsOnly(each) && each.scrollWidth > each.clientWidth + 1;
  });
  return [...wide, ...out.map((each) => `sticks out: ${name(each)}`), ...clipped.map((each) => `is cut: ${name(each)}`)];
}

function listTexts(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) if (walker.currentNode.textContent.trim()) found.push(walker.currentNode);
  return found;
}
function listRects(node) {
  const range = document.createRange();
  range.selectNodeContents(node);
  return [...range.getClientRects()];
}

function findOverlaps() {
  const boxes = listDrawn("th, td, dt, dd, summary > span, h2, h3, h4").filter((each) => !each.closest(".scroll") && !isForEarsOnly(each.closest("thead") ?? each))
    .map((each) => ({ each, rects: listTexts(each).filter((node) => !node.parentElement.closest(".unseen, title, desc")).flatMap(listRects) }));
  const found = [];
  for (let place = 1; place < boxes.length; place += 1) {
    const [before, now] = [boxes[place - 1], boxes[place]];
    if (before.each.contains(now.each) || now.each.contains(before.each)) continue;
    const isOver = before.rects.some((a) => now.rects.some((b) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4));
    if (isOver) found.push(`${name(before.each)} lies over ${name(now.each)}`);
  }
  return found;
}

// WCAG 2.2: relative luminance, contrast ratio, and success criteria 1.4.3 (texts) and 1.4.11 (what else one must see).
function readColour(text) {
  const numbers = text.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
  const [red, green, blue, alpha = 1] = numbers;
  if (text.startsWith("rgb")) return [red, green, blue, alpha];
  if (text.startsWith("color(srgb")) return [red * 255, green * 255, blue * 255, alpha];
  throw new Error(`a colour in a form that is not known: ${text}`);
}
const lay = (over, under) => over.slice(0, 3).map((each, place) => each * over[3] + under[place] * (1 - over[3]));
const WHITE = [255, 255, 255];
function findGround(element, known = new Map()) {
  if (!element) return WHITE;
  if (!known.has(element)) known.set(element, lay(readColour(getComputedStyle(element).backgroundColor), findGround(element.parentElement, known)));
  return known.get(element);
}
function findLuminance(colour) {
  const [red, green, blue] = colour.map((each) => (each / 255 <= 0.04045 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
function findContrast(colour, ground) {
  const [low, high] = [findLuminance(lay(readColour(colour), ground)), findLuminance(ground)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function findPaleTexts() {
  const [said, grounds] = [new Map(), new Map()];
  for (const node of listTexts(document.body)) {
    const element = node.parentElement;
    if (element.closest("script, title, desc, option") || !isDrawn(element)) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const wanted = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const ratio = findContrast(element.closest("svg") ? style.fill : style.color, findGround(element.closest("svg")?.parentElement ?? element, grounds));
    if (ratio < wanted) said.set(`${style.color} ${element.className}`, `${ratio.toFixed(2)} of ${wanted}: ${name(element)}`);
  }
  return [...said.values()];
}

function findPaleSigns() {
  const said = new Map();
  const see = (element, colour, ground) => {
    const ratio = findContrast(colour, ground);
    if (ratio < 3) said.set(`${element.localName} ${element.getAttribute("class")}`, `${ratio.toFixed(2)} of 3: ${name(element)}`);
  };
  for (const each of listDrawn("input, select")) see(each, getComputedStyle(each).borderTopColor, findGround(each.parentElement));
  for (const each of listDrawn("svg .dot, svg .bar, svg .whisker, svg .edge, svg .target, svg .zero, svg .loss")) {
    const [style, track] = [getComputedStyle(each), each.closest("svg").querySelector(".track")];
    const around = findGround(each.closest("svg").parentElement);
    see(each, style.fill === "none" || each.localName === "line" ? style.stroke : style.fill, track ? lay(readColour(getComputedStyle(track).fill), around) : around);
  }
  return [...said.values()];
}

function findHeadingFaults() {
  const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((each) => [Number(each.localName[1]), each]);
  const faults = levels.filter(([, each]) => !each.textContent.trim()).map(([, each]) => `says nothing: ${name(each)}`);
  if (levels.filter(([level]) => level === 1).length !== 1 || levels[0][0] !== 1) faults.push("not one h1, and that first");
  levels.forEach(([level, each], place) => {
    if (place && level > levels[place - 1][0] + 1) faults.push(`h${levels[place - 1][0]} is followed by ${name(each)}`);
  });
  return faults;
}

function findTableFaults() {
  return [...document.querySelectorAll("table")].flatMap((table) => {
    const heads = [...table.querySelectorAll("thead th")];
    const faults = [...table.querySelectorAll("th")].filter((each) => !["row", "col"].includes(each.scope) || !each.textContent.trim()).map((each) => `no scope or no words: ${name(each)}`);
    for (const row of table.querySelectorAll("tbody tr")) {
      if (!row.querySelector("th[scope=row]")) faults.push(`a row without a name: ${name(row)}`);
      if (heads.length && row.cells.length !== table.tHead.rows[0].cells.length) faults.push(`more or fewer cells than heads: ${name(row)}`);
    }
    return faults;
  });
}

function findDoubles() {
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  const lost = [...document.querySelectorAll('a[href^="#"]')].filter((each) => !document.getElementById(each.hash.slice(1)));
  return [...ids.filter((id, place) => ids.indexOf(id) !== place), ...lost.map((each) => `leads nowhere: ${name(each)}`)];
}

function findUnprinted() {
  const dropped = "script, #filter, #filter *, .tally, .tally *, nav, nav *, .skip, .status, option, optgroup";
  const isShown = (each) => each.checkVisibility({ contentVisibilityAuto: true }) && (each.getClientRects().length || each.localName === "br" || each.localName === "wbr");
  const hidden = [...document.querySelectorAll("body *")].filter((each) => !each.matches(dropped) && !each.closest("svg, thead") && !isShown(each) && each.textContent.trim());
  const cut = [...document.querySelectorAll("body *")].filter((each) => isShown(each) && !isForEarsOnly(each) && (getComputedStyle(each).overflowY !== "visible" && each.scrollHeight > each.clientHeight + 1 || each.matches(".scroll") && each.scrollWidth > each.clientWidth + 1));
  return [...hidden.map((each) => `not printed: ${name(each)}`), ...cut.map((each) => `printed in part: ${name(each)}`)];
}

function findFocusFault() {
  const element = document.activeElement;
  if (element === document.body) return ["focus has left the page"];
  const [style, box] = [getComputedStyle(element), element.getBoundingClientRect()];
  if (!element.matches(":focus-visible") || style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return [`focus cannot be seen on ${name(element)}`];
  if (findContrast(style.outlineColor, findGround(element.parentElement)) < 3) return [`focus is pale on ${name(element)}`];
  const bar = document.getElementById("filter");
  const covered = bar && !bar.hidden && !bar.contains(element) && getComputedStyle(bar).position === "sticky" && box.top < bar.getBoundingClientRect().bottom - 1 && box.top >= 0 && bar.getBoundingClientRect().top <= 0;
  return box.bottom <= 0 || box.top >= innerHeight || covered ? [`focus is out of sight on ${name(element)}`] : [];
}
