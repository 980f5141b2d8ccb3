// Drift: for each source the rate of each batch within its limits, and the CUSUM against its own.

const DRIFT = DATA.panels.drift;
const CHART = { width: 440, height: 170, left: 46, right: 10, top: 12, bottom: 34 };

/** Return a scale from values to places between two ends. */
const makeScale = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

/** Return an even, round top above a value of at least 1: its half is a whole number too, so that no tick is rounded. */
function findTop(value) {
  const base = 10 ** Math.floor(Math.log10(value));
  return [2, 4, 6, 8, 10, 20].map((step) => step * base).find((top) => top >= value);
}

function drawFrame(title, top, write) {
  const y = makeScale(0, top, CHART.height - CHART.bottom, CHART.top);
  const parts = [draw("title", {}, title)];
  for (const value of [0, top / 2, top]) {
    parts.push(draw("line", { class: "grid", x1: CHART.left, x2: CHART.width - CHART.right, y1: y(value), y2: y(value) }),
      draw("text", { class: "tick", x: CHART.left - 6, y: y(value) + 3.5, "text-anchor": "end" }, write(value)));
  }
  DRIFT.batches.forEach((name, at) => parts.push(draw("text",
    { class: "tick", x: placeBatch(at), y: CHART.height - CHART.bottom + 16, "text-anchor": "middle" }, say(name))));
  const end = (DRIFT.baseline || 0) - 1;
  if (end >= 0) {
    const half = placeBatch(0.5) - placeBatch(0);
    parts.unshift(draw("rect", { class: "baseline", x: CHART.left, y: CHART.top, width: placeBatch(end) + half - CHART.left, height: CHART.height - CHART.bottom - CHART.top }));
  }
  return [parts, y];
}

const placeBatch = (at) =>
  makeScale(-0.5, DRIFT.batches.length - 0.5, CHART.left, CHART.width - CHART.right)(at);

const finish = (title, parts) =>
  draw("svg", { class: "chart", viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", "aria-label": title }, parts);

/** Return a batch's mark: a triangle beyond a limit, a circle within, hollow where the batch says what is normal. */
function drawBatch(x, y, signal, source) {
  if (signal === "above") return draw("path", { class: "alarm-mark", d: `M${x},${y - 7} l6,11 h-12 z` });
  if (signal === "below") return draw("path", { class: "alarm-mark", d: `M${x},${y + 7} l6,-11 h-12 z` });
  const colour = NAMES.sources[source].colour;
  return draw("circle", { cx: x, cy: y, r: 4, fill: signal === "within" ? colour : "#fff", stroke: colour, "stroke-width": 1.6 });
}

function drawRates(rows, source, held) {
  const known = rows.filter((row) => isTold(row[3]));
  const top = Math.min(findTop(Math.max(...known.map((row) => Math.max(row[3][0], row[5] ?? 0)), 1)), 100);
  const title = `${nameOf("sources", source)}, ${word("p_chart_title")}`;
  const [parts, y] = drawFrame(title, top, (value) => writePercent(value, 0));
  const half = (placeBatch(1) - placeBatch(0)) / 2.4;
  for (const row of known) for (const limit of [row[4], row[5]]) if (typeof limit === "number") {
    parts.push(draw("line", { class: "limit", x1: placeBatch(row[2]) - half, x2: placeBatch(row[2]) + half, y1: y(limit), y2: y(limit) }));
  }
  if (typeof held === "number") parts.push(draw("line", { class: "held", x1: CHART.left, x2: CHART.width - CHART.right, y1: y(held), y2: y(held) }));
  parts.push(drawPath(known.map((row) => [placeBatch(row[2]), y(row[3][0])]), source));
  for (const row of known) parts.push(drawBatch(placeBatch(row[2]), y(row[3][0]), row[6], source));
  return finish(title, parts);
}

const drawPath = (points, source) =>
  draw("polyline", { points: points.map((point) => point.join(",")).join(" "), fill: "none", stroke: NAMES.sources[source].colour, "stroke-opacity": 0.6 });

function drawSums(rows, source, limit) {
  const known = rows.filter((row) => typeof row[7] === "number");
  const reach = Math.max(...known.map((row) => row[7]), typeof limit === "number" ? limit : 0, 1);
  const top = findTop(1.05 * reach), title = `${nameOf("sources", source)}, ${word("cusum_title")}`;
  const [parts, y] = drawFrame(title, top, (value) => writeNumber(value, 0));
  if (typeof limit === "number") parts.push(draw("line", { class: "limit", x1: CHART.left, x2: CHART.width - CHART.right, y1: y(limit), y2: y(limit) }));
  parts.push(drawPath(known.map((row) => [placeBatch(row[2]), y(row[7])]), source));
  for (const row of known) parts.push(drawBatch(placeBatch(row[2]), y(row[7]), row[8], source));
  return finish(title, parts);
}

/** Return a chart of one source, or why none of its batches is drawn. */
function makeChart(title, rows, place, drawing) {
  const silent = rows.find((row) => row[3] && !isTold(row[3]));
  const drawn = rows.some((row) => (place === 3 ? isTold(row[3]) : typeof row[place] === "number"));
  return make("div", {}, make("p", { class: "axis-title" }, title),
    drawn ? drawing() : make("p", { class: "nothing" }, silent ? readCell(silent[3]).why : word("no_batch")));
}

/** Return both charts of each source for one variable. */
function makeCharts(rows, variable) {
  return make("div", { class: "charts" }, unique(rows.map((row) => row[1])).map((source) => {
    const own = rows.filter((row) => row[1] === source);
    const [, , held, limit] = DRIFT.held.find((line) => line[0] === variable && line[1] === source) || [];
    return make("figure", {}, make("figcaption", {}, nameSource(source)),
      make("div", { class: "pair" },
        makeChart(word("p_chart_title"), own, 3, () => drawRates(own, source, held)),
        makeChart(word("cusum_title"), own, 7, () => drawSums(own, source, limit))));
  }), makeChartLegend());
}

const makeChartLegend = () =>
  make("p", { class: "hint" }, word("drift_legend"));
