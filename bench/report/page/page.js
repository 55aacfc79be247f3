// The behaviour of a page: sort and copy tables, show pictures at full size, slide between two pictures.
"use strict";
document.documentElement.classList.add("scripted");
const byId = (id) => document.getElementById(id);

// Tables: a click on a heading sorts by its column, with missing values last. A second click reverses the order, and a
// third restores the original one. A column is numeric only if all of its values that are not missing are numbers.
function textOf(row, index) {
  const cell = row.cells[index];
  const text = cell.dataset.sort ?? cell.textContent.trim();
  return text === "" || text.startsWith("—") ? null : text;
}
function numberOf(text) {
  const plain = text.replaceAll(",", "").replaceAll("−", "-").replace(/^[×+]/, "").replace("∞", "Infinity").split(/[\s/[]/)[0];
  return plain === "" ? NaN : Number(plain);
}
function valuesOf(rows, index) {
  const texts = rows.map((row) => textOf(row, index));
  const numbers = texts.map((text) => (text === null ? null : numberOf(text)));
  return numbers.some(Number.isNaN) ? texts : numbers;
}
function compareValues(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === "number" ? a - b || 0 : a.localeCompare(b, "en"));
}
function columnOf(heading) {
  const table = heading.closest("table");
  const rows = [...table.tHead.rows];
  const before = rows.length > 1 && heading.parentNode === rows[1] ? [...rows[0].cells].filter((c) => c.rowSpan > 1).length : 0;
  return before + heading.cellIndex;
}
for (const table of document.querySelectorAll("table.sortable")) [...table.tBodies[0].rows].forEach((row, place) => { row.dataset.place = place; });
for (const button of document.querySelectorAll("table.sortable button.sort")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const body = heading.closest("table").tBodies[0];
    const now = heading.getAttribute("aria-sort");
    const first = button.dataset.first ?? "ascending";
    const next = now === null ? first : now !== first ? null : first === "ascending" ? "descending" : "ascending";
    for (const other of heading.closest("thead").querySelectorAll("th")) other.removeAttribute("aria-sort");
    const rows = [...body.rows].sort((a, b) => a.dataset.place - b.dataset.place);
    if (next === null) return body.append(...rows);
    heading.setAttribute("aria-sort", next);
    const values = valuesOf(rows, columnOf(heading)), sign = next === "ascending" ? 1 : -1;
    const order = rows.map((_, place) => place).sort((a, b) => compareValues(values[a], values[b], sign));
    body.append(...order.map((place) => rows[place]));
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
    byId("copied").textContent = done ? `Copied as ${button.textContent}.` : "This browser does not allow pages to copy; use the files in the report folder.";
    button.focus();
  });
}

// Pictures: a click opens a dialog with the full size; the arrow keys move to other methods' pictures of the image.
const pictures = [...document.querySelectorAll("a.picture")];
let shown = 0;
function show(index) {
  const link = pictures[index];
  shown = index;
  byId("viewer-title").textContent = link.firstElementChild.alt;
  const picture = byId("viewer-picture");
  picture.src = link.href;
  picture.alt = link.firstElementChild.alt;
  dress(picture.parentNode, link);
  byId("viewer-scores").textContent = [...link.parentNode.querySelectorAll(".scores li")].map((item) => item.textContent).join(" · ");
  if (!byId("viewer").open) byId("viewer").showModal();
}
function dress(frame, link) {
  frame.style.setProperty("--grid", link.style.getPropertyValue("--grid"));
  frame.classList.toggle("small", link.classList.contains("small"));
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

  // Two pictures of one image with a slider between them.
  const stage = byId("stage"), slide = byId("slide");
  const linkOf = (method) => pictures.find((l) => l.dataset.row === byId("compare-row").value && l.dataset.method === method);
  const load = () => {
    const missing = [];
    for (const [side, id] of [["left", "over"], ["right", "under"]]) {
      const choice = byId(`compare-${side}`), link = linkOf(choice.value), half = byId(id), picture = half.firstElementChild;
      half.classList.toggle("empty", !link);
      if (link) {
        picture.src = link.href;
        picture.alt = link.firstElementChild.alt;
        dress(half, link);
      } else {
        picture.removeAttribute("src");
        picture.alt = "";
        missing.push(`${side}: there is no picture of this image by ${choice.selectedOptions[0].textContent}`);
      }
    }
    const words = missing.join("; ");
    byId("compare-missing").textContent = words && `${words[0].toUpperCase()}${words.slice(1)}.`;
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
  stage.addEventListener("dragstart", (event) => event.preventDefault());
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", drag);
  load();
  move();
}

// A printed page shows everything that the screen folds away.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...unfolded, ...document.querySelectorAll("details:not([open])")];
  for (const details of unfolded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
  unfolded = [];
});
