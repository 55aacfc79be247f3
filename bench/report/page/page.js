// What a page does when it is used: sort and copy tables, show pictures in full, slide between two of them.
"use strict";
document.documentElement.classList.add("scripted");
const byId = (id) => document.getElementById(id);

// Tables: a click on a heading sorts by it, missing values last; a second click turns the order around.
function valueOf(row, index) {
  const cell = row.cells[index];
  const text = cell.dataset.sort ?? cell.textContent.trim();
  const number = Number(text.replaceAll(",", "").replaceAll("−", "-").replace(/^[×+]/, "").replace("∞", "Infinity").split(/[\s/[]/)[0]);
  return text === "" || text.startsWith("—") ? null : Number.isNaN(number) ? text : number;
}
function compareValues(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b || 0);
  return sign * String(a).localeCompare(String(b), "en");
}
function columnOf(heading) {
  const table = heading.closest("table");
  const rows = [...table.tHead.rows];
  const before = rows.length > 1 && heading.parentNode === rows[1] ? [...rows[0].cells].filter((c) => c.rowSpan > 1).length : 0;
  return before + heading.cellIndex;
}
for (const button of document.querySelectorAll("table.sortable button.sort")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const body = heading.closest("table").tBodies[0];
    const now = heading.getAttribute("aria-sort");
    const first = button.dataset.first ?? "ascending";
    const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
    for (const other of heading.closest("thead").querySelectorAll("th")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", next);
    const index = columnOf(heading), sign = next === "ascending" ? 1 : -1;
    const rows = [...body.rows].map((row) => [valueOf(row, index), row]);
    rows.sort(([a], [b]) => compareValues(a, b, sign));
    body.append(...rows.map(([, row]) => row));
  });
}

// Copies of the main table.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const done = await copy(byId(button.dataset.copy).textContent);
    byId("copied").textContent = done ? `Copied as ${button.textContent}.` : "This browser does not let a page copy; take the files.";
    button.focus();
  });
}

// Pictures: full size in a dialog, with the arrow keys to its neighbours of the same image.
const pictures = [...document.querySelectorAll("a.picture")];
let shown = 0;
function show(index) {
  const link = pictures[index];
  shown = index;
  byId("viewer-title").textContent = link.firstElementChild.alt;
  const picture = byId("viewer-picture");
  picture.src = link.href;
  picture.alt = link.firstElementChild.alt;
  dress(byId("viewer-stage"), link);
  byId("viewer-scores").textContent = [...link.parentNode.querySelectorAll(".scores li")].map((item) => item.textContent).join(" · ");
  if (!byId("viewer").open) byId("viewer").showModal();
}
function dress(stage, link) {
  stage.style.setProperty("--grid", link.style.getPropertyValue("--grid"));
  stage.classList.toggle("small", link.classList.contains("small"));
}
function step(by) {
  const row = pictures.filter((link) => link.dataset.row === pictures[shown].dataset.row);
  const place = row.indexOf(pictures[shown]) + by;
  show(pictures.indexOf(row[(place + row.length) % row.length]));
}
pictures.forEach((link, index) => {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    show(index);
  });
});
if (pictures.length) {
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("viewer").addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  byId("viewer").addEventListener("click", (event) => {
    if (event.target === byId("viewer")) byId("viewer").close();
  });

  // Two pictures of one image, and a slider between them.
  const stage = byId("stage"), slide = byId("slide");
  const linkOf = (label) => pictures.find((l) => l.dataset.row === byId("compare-row").value && l.dataset.label === label);
  const load = () => {
    for (const [side, id] of [["left", "over"], ["right", "under"]]) {
      const link = linkOf(byId(`compare-${side}`).value);
      if (!link) continue;
      byId(id).src = link.href;
      byId(id).alt = link.firstElementChild.alt;
      dress(stage, link);
    }
  };
  const move = () => stage.style.setProperty("--at", `${slide.value}%`);
  for (const id of ["compare-row", "compare-left", "compare-right"]) byId(id).addEventListener("change", load);
  slide.addEventListener("input", move);
  const drag = (event) => {
    if (!event.buttons) return;
    const box = stage.getBoundingClientRect();
    slide.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    move();
  };
  stage.addEventListener("pointerdown", drag);
  stage.addEventListener("pointermove", drag);
  load();
  move();
}
