// Tables: sorted by any column, copied as CSV, counted, and with head and source repeated on every printed page.

const findUse = () => {
  const chosen = state.use || "research";
  const found = NAMES.uses.findIndex(({ id }) => id === chosen);
  return found < 0 ? 0 : found;
};

/** Return what the shown use decides on a difference: use, decision, rule, margin; undefined where nothing is. */
const findRule = (row, column, columns) => {
  if (!column.rules) return undefined;
  const rules = row[columns.findIndex(({ key }) => key === column.rules)];
  return (rules || []).find(([use]) => use === findUse());
};

/** What stands in a cell, by the kind of its column. */
const SHOW = {
  variable: (value) => make("span", { class: NAMES.variables[value].id ? "name" : "name all" }, nameOf("variables", value)),
  source: (value) => nameSource(value),
  comparator: (value) => nameSource(value),
  use: (value) => nameOf("uses", value),
  form: (value) => nameOf("forms", value),
  centre: (value) => nameOf("centres", value),
  verdict: (value, row, column, columns) => showReasoned(value, row, columns),
  reason: (value) => (value ? word(value, {}, "reason") : NONE),
  decision: (value) => (value ? word(value, {}, "decision") : NONE),
  text: (value) => say(value),
  count: (value) => writeNumber(value, 0),
  number: (value, row, column) => writeNumber(value, column.digits),
  percent: (value) => writePercent(value),
  batch: (value) => say(DATA.panels.drift.batches[value]),
  signal: (value) => showSignal(value),
  limit: (value) => (value === "above" ? make("strong", {}, `▲ ${word("above_limit")}`) : word("within_limit")),
  outcomes: (value) => drawOutcomes(value, DATA.panels.errors.outcomes),
  estimate: (value, row, column, columns) => showEstimate(value, row, column, columns),
};

const showReasoned = (value, row, columns) => {
  const reason = row[columns.findIndex(({ key }) => key === "reason")];
  const explored = row[columns.findIndex(({ key }) => key === "exploratory")] === true ? ` (${word("exploratory")})` : null;
  return [showVerdict(value), explored, reason ? make("span", { class: "why" }, word(reason, {}, "reason")) : null];
};

const SIGNALS = { above: "▲", below: "▼", within: "●" };
const wordSignal = (value) => (SIGNALS[value] ? word(`signal_${value}`) : value ? word(value, {}, "reason") : NONE);
const showSignal = (value) =>
  make("span", { class: ["above", "below"].includes(value) ? "alarm" : "" }, SIGNALS[value] ? `${SIGNALS[value]} ` : "",
    wordSignal(value));

function showEstimate(cell, row, column, columns) {
  const how = findWriter(column, row, columns), said = readCell(cell, how), rule = findRule(row, column, columns);
  if (said.why) return make("span", { class: "why", title: said.status }, said.why);
  const source = columns.findIndex(({ kind }) => kind === "source");
  const margins = rule && typeof rule[3] === "number" ? [rule[3]] : [];
  const bar = column.scale && isTold(cell) ? drawBar(cell, column, source < 0 ? undefined : row[source], margins) : null;
  const numbers = make("span", { class: "numbers" },
    make("span", { class: "value" }, said.text, said.remark ? markRemark(said.remark) : null),
    said.interval ? [" ", make("span", { class: "range" }, said.interval)] : null,
    said.counts && !column.uncounted ? [" ", make("span", { class: "counts" }, said.counts)] : null);
  return [bar, numbers, rule ? showRule(rule) : null];
}

const markRemark = (remark) =>
  make("span", { class: "remark", title: word(remark, {}, "reason") }, `${NO_BREAK}†`, hiddenText(` (${word(remark, {}, "reason")})`));

const showRule = ([, decision, rule]) =>
  make("span", { class: `rule ${decision}` }, decision ? word(decision, {}, "decision") : word("not_applicable", {}, "verdict"),
    ` ${say(rule)}`);

/** Return what a cell is sorted by: a number, or a text; what is not known comes last. */
function sortKey(row, place, columns) {
  const value = row[place], kind = columns[place].kind;
  if (value === null || value === undefined) return undefined;
  if (kind === "estimate") return isTold(value) ? (value[0] === "inf" ? Infinity : value[0]) : undefined;
  if (["count", "number", "percent", "batch", "variable", "source"].includes(kind)) return value;
  if (kind === "outcomes") return value[0];
  return SHOW[kind](value, row, columns[place], columns).textContent ?? String(SHOW[kind](value, row, columns[place], columns));
}

function sortRows(rows, place, columns, down) {
  const keyed = rows.map((row) => [sortKey(row, place, columns), row]);
  const compare = (one, other) => (typeof one === "number" ? one - other : byName(one, other));
  keyed.sort(([one], [other]) => {
    if (one === undefined || other === undefined) return (one === undefined) - (other === undefined);
    return down ? compare(other, one) : compare(one, other);
  });
  return keyed.map(([, row]) => row);
}

/** Longer tables roll within the page, below their own head. */
const LONG = 18;

/** Return a table of rows with its tools: how many are shown of how many, CSV to copy or to keep as a file. */
function makeTable(panel, rows, { total = panel.rows.length, title = "", without = [], name = "criteria" } = {}) {
  const shown = panel.columns.filter(({ key, hidden }) => !hidden && !without.includes(key));
  const places = shown.map((column) => panel.columns.indexOf(column));
  let current = rows;
  const body = make("tbody");
  const refill = () => body.replaceChildren(...current.map((row) => makeRow(row, shown, places, panel.columns)));
  const heads = shown.map((column, at) => makeHead(column, at, (down) => {
    current = sortRows(rows, places[at], panel.columns, down);
    refill();
    heads.forEach((head, other) => { if (other !== at) head.setAttribute("aria-sort", "none"); });
  }));
  refill();
  const table = make("table", { class: "data" }, make("caption", { class: "unseen" }, title),
    make("thead", {}, makePrintHead(title, shown.length), make("tr", {}, heads)), body, makePrintFoot(panel, shown.length));
  const write = () => writeCsv(shown, places, current, panel.columns);
  const copy = () => copyText(write()).then((done) =>
    announce(word(done ? "copied" : "not_copied", { n: writeNumber(current.length, 0) })));
  const file = `${DATA.study.name}_${name}_${DATA.run.protocol.slice(0, 12)}.csv`;
  const save = () => { saveText(write(), file); announce(word("saved", { name: file })); };
  return make("div", { class: "table" },
    make("div", { class: "tools" }, make("span", { class: "count" }, writeShown(rows.length, total)),
      make("span", { class: "tool" }, make("button", { type: "button", class: "copy", onclick: copy }, word("copy")),
        make("button", { type: "button", class: "copy save", onclick: save }, word("save")))),
    make("div", { class: rows.length > LONG ? "scroll tall" : "scroll", role: "region", tabindex: 0, "aria-label": word("table_of", { title }) }, table),
    writeRemarks(rows, panel.columns));
}

const writeShown = (shown, total) => word("rows_shown", { shown: writeNumber(shown, 0), total: writeNumber(total, 0) });

const makeRow = (row, shown, places, columns) =>
  make("tr", {}, shown.map((column, at) => {
    const value = row[places[at]];
    const content = value === null || value === undefined ? NONE : SHOW[column.kind](value, row, column, columns);
    return make(at ? "td" : "th", { class: `c-${column.kind}`, scope: at ? null : "row" }, content);
  }));

function makeHead(column, at, sort) {
  // A repeated head does not show its buttons in print: there its title stands as text.
  const head = make("th", { scope: "col", class: `c-${column.kind}`, "aria-sort": "none" },
    make("span", { class: "print-only", "aria-hidden": "true" }, say(column.title)));
  head.append(make("button", { type: "button", onclick: () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    sort(down);
  } }, say(column.title), make("span", { class: "arrow", "aria-hidden": "true" })));
  return head;
}

const makePrintHead = (title, span) =>
  make("tr", { class: "print-only" }, make("td", { colspan: span }, make("strong", {}, title), ` — ${describeFilters()}${DOT}${writeStudy()}`));

const makePrintFoot = (panel, span) =>
  make("tfoot", { class: "print-only" }, make("tr", {}, make("td", { colspan: span }, writeSource(panel))));

/** Return the study, and who may see the page: a sheet may be parted from the others. */
const writeStudy = () => `${say(DATA.study.title)}${DOT}${word(DATA.below === null ? "circulation_short" : "released_short")}.`;

/** Return where a panel's numbers come from: notebook, rows, run. */
const writeSource = (panel) =>
  `${word("source_line", { notebook: panel.notebook, metrics: panel.metrics.join(", ") })} ${writeRun()}`;

const writeRun = () => !DATA.run.time ? word("run_line_released", { commit: DATA.run.commit, protocol: DATA.run.protocol.slice(0, 12) }) :
  word("run_line", { day: writeDay(DATA.run.time), commit: DATA.run.commit, protocol: DATA.run.protocol.slice(0, 12) });

/** Return a sentence per remark that a dagger stands for; none where there is no dagger. */
function writeRemarks(rows, columns) {
  const places = columns.flatMap(({ kind, hidden }, place) => (kind === "estimate" && !hidden ? [place] : []));
  const found = new Set(rows.flatMap((row) => places.map((place) => isTold(row[place]) && row[place][5]).filter(Boolean)));
  const said = [...found].sort().map((remark) => word(remark, {}, "reason"));
  return said.length ? make("p", { class: "remarks" }, `† ${joinTexts(said)}.`) : null;
}

// CSV as a spreadsheet of the language opens it. A text that looks like a formula gets an apostrophe.

const FORMULA = /^'*[=+\-@\t\r]/, NUMBER = /^[+-]?[0-9]+([.,][0-9]+)?$/;
const harmless = (text) => (FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text);
const quote = (text) => (/[";,\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const writeDecimal = (value) => {
  if (value === null || value === undefined) return "";
  return state.lang === "fr" ? String(value).replace(".", ",") : String(value);
};

function writeCsv(shown, places, rows, columns) {
  const lines = [shown.flatMap(nameFields), ...rows.map((row) => shown.flatMap((column, at) =>
    writeFields(row[places[at]], row, column, columns)))];
  const separator = state.lang === "fr" ? ";" : ",";
  return lines.map((line) => line.map((text) => quote(harmless(text))).join(separator)).join("\r\n") + "\r\n";
}

function nameFields(column) {
  const title = say(column.title);
  if (column.kind === "outcomes") return DATA.panels.errors.outcomes.map((outcome) => `${say(outcome)} (%)`);
  if (column.kind !== "estimate") return [title];
  const parts = ["lower", "upper", "n", "k", "status"].map((name) => `${title}${word("colon")}${word(`csv_${name}`)}`);
  const ruled = column.rules ? ["rule", "decision"].map((name) => `${title}${word("colon")}${word(`csv_${name}`)}`) : [];
  return [title, ...parts, ...ruled];
}

function writeFields(value, row, column, columns) {
  if (column.kind === "outcomes") return (value || [null, null, null, null, null]).map(writeDecimal);
  if (column.kind === "estimate") return [...writeNumbers(value), ...(column.rules ? writeRule(findRule(row, column, columns)) : [])];
  if (value === null || value === undefined) return [""];
  if (["count", "number", "percent"].includes(column.kind)) return [writeDecimal(value)];
  const content = make("span", {}, SHOW[column.kind](value, row, column, columns));
  return [content.textContent.trim()];
}

function writeNumbers(cell) {
  if (!cell) return ["", "", "", "", "", ""];
  if (!isTold(cell)) return ["", "", "", writeDecimal(cell[2]), "", readCell(cell).why];
  return [0, 1, 2, 3, 4].map((place) => writeDecimal(cell[place])).concat(cell[5] ? word(cell[5], {}, "reason") : "ok");
}

const writeRule = (rule) => (rule ? [say(rule[2]), rule[1] ? word(rule[1], {}, "decision") : word("not_applicable", {}, "verdict")] : ["", ""]);
