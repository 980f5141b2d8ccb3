// Cells: a row's number as text and as a small drawing, the same for every table.

const isTold = (cell) => Boolean(cell) && typeof cell[0] !== "string" || Boolean(cell) && ["inf", "-inf"].includes(cell[0]);

/** How numbers are written, by the word that a column (or a row) gives. */
const WRITERS = {
  percent: (value) => writePercent(value),
  signed: (value) => writePercent(value, 1, true),
  coefficient: (value) => writeNumber(value, 2),
  p: (value) => writeNumber(value, 3),
  count: (value) => writeNumber(value, 0),
  missing: (value) => writeNumber(value, 0),
  of: (value) => writeNumber(value, 0),
  yes: (value) => word(value ? "yes" : "no"),
};
const DIGITS = { percent: 1, signed: 1, coefficient: 2, p: 3 };

/** Return what a cell says: its number, interval, counts, a remark, or why there is no number. */
function readCell(cell, how) {
  if (!cell) return { text: NONE };
  if (!isTold(cell)) {
    return { why: word(cell[1], {}, "reason"), status: word(cell[0], {}, "status") };
  }
  const [value, lower, upper, n, k, remark] = cell;
  if (how === "of") return { text: `${WRITERS.count(value)}/${WRITERS.count(n)}` };
  const text = WRITERS[how](value) + (how === "count" && n !== undefined && n !== null ? `/${WRITERS.count(n)}` : "");
  if (["count", "missing", "yes"].includes(how)) return { text, remark };
  return { text, interval: writeInterval(lower, upper, DIGITS[how]), counts: writeCounts(n, k), remark };
}

const writeCounts = (n, k) => {
  const given = (value) => value !== undefined && value !== null;
  if (given(n) && given(k)) return `${writeNumber(k, 0)}/${writeNumber(n, 0)}`;
  return given(n) ? `n${NO_BREAK}=${NO_BREAK}${writeNumber(n, 0)}` : "";
};

/** Return how a column's cell is written: by the row's own word, by the column's, else in percent. */
const findWriter = (column, row, columns) => {
  if (column.written) return row[columns.findIndex(({ key }) => key === column.written)] || "percent";
  return column.as || (column.sign ? "signed" : "percent");
};

const BAR = { width: 116, height: 16, pad: 5 };

/** Return a number's drawing: interval, mark of its source, zero and margins; an arrow where the interval goes on. */
function drawBar(cell, column, source, margins) {
  const [low, high] = column.scale;
  const place = (value) => BAR.pad + ((value - low) / (high - low)) * (BAR.width - 2 * BAR.pad);
  const inside = (value) => Math.min(Math.max(value, low), high);
  const middle = BAR.height / 2;
  const line = (from, to, look) => draw("line", { x1: from, x2: to, y1: middle, y2: middle, ...look });
  const upright = (value, look) => draw("line", { x1: place(value), x2: place(value), y1: 0, y2: BAR.height, ...look });
  const parts = [line(BAR.pad, BAR.width - BAR.pad, { class: "axis" })];
  if (low < 0) parts.push(upright(0, { class: "zero" }));
  for (const margin of margins) if (Math.abs(margin) <= high) parts.push(upright(margin, { class: "margin" }));
  if (isTold(cell)) {
    const bound = (value, end) => (typeof value === "number" ? value : end);
    const [from, to] = [bound(cell[1], low), bound(cell[2], high)];
    if (typeof cell[1] === "number" || typeof cell[2] === "number") {
      parts.push(line(place(inside(from)), place(inside(to)), { class: "interval" }));
    }
    if (to > high || cell[0] > high) parts.push(draw("path", { d: `M${BAR.width - 6},${middle - 3} l5,3 l-5,3`, class: "arrow" }));
    if (from < low || cell[0] < low) parts.push(draw("path", { d: `M6,${middle - 3} l-5,3 l5,3`, class: "arrow" }));
    if (cell[0] === inside(cell[0])) parts.push(drawMark(source, place(cell[0]), middle));
  }
  return draw("svg", { class: "bar", width: BAR.width, height: BAR.height, viewBox: `0 0 ${BAR.width} ${BAR.height}`, "aria-hidden": "true" }, parts);
}

const HATCHES = ["", "hatch-w", "hatch-o", "hatch-u", ""];

/** Return the stacked shares of the outcomes; each has a pattern of its own beside its colour. */
function drawOutcomes(shares, names) {
  const said = shares.map((share, place) => `${say(names[place])} ${writePercent(share)}`).join(", ");
  let left = 0;
  const parts = shares.flatMap((share, place) => {
    const box = { x: left, y: 1, width: share * 1.4, height: 14 };
    left += share * 1.4;
    const plainBox = draw("rect", { ...box, fill: DATA.look.outcomes[place] });
    return HATCHES[place] ? [plainBox, draw("rect", { ...box, fill: `url(#${HATCHES[place]})` })] : [plainBox];
  });
  return draw("svg", { class: "outcomes", width: 140, height: 16, viewBox: "0 0 140 16", preserveAspectRatio: "none", role: "img", "aria-label": said },
    draw("title", {}, said), parts);
}

/** Return the patterns that the drawings use; they stand once in the page. */
const drawPatterns = () => {
  const pattern = (id, size, ...parts) =>
    draw("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse" }, parts);
  const ink = { stroke: "#1a1a1a", "stroke-width": 0.9, fill: "none" };
  return draw("svg", { class: "unseen", width: 0, height: 0, "aria-hidden": "true" }, draw("defs", {},
    pattern("hatch-w", 4, draw("path", { d: "M-1,1 l2,-2 M0,4 l4,-4 M3,5 l2,-2", ...ink })),
    pattern("hatch-o", 4, draw("circle", { cx: 2, cy: 2, r: 0.9, fill: "#1a1a1a" })),
    pattern("hatch-u", 5, draw("path", { d: "M0,0 l5,5 M5,0 l-5,5", ...ink }))));
};

/** Return a verdict: mark, word and colour. */
const showVerdict = (key) =>
  make("span", { class: `verdict ${key}` },
    make("span", { class: "mark", "aria-hidden": "true" }, DATA.look.marks[key] || NONE), " ", word(key, {}, "verdict"));
