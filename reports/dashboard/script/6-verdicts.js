// The verdict matrix: a grid that arrow keys walk through, and the criteria behind the chosen cell.

const VERDICTS = DATA.panels.verdicts;
const EXPLORED = VERDICTS.columns.findIndex(({ key }) => key === "exploratory");
const keyOf = (variable, source, use) =>
  [NAMES.sources[source].id, NAMES.variables[variable].id || "all", NAMES.uses[use].id].join(":");
const BY_KEY = new Map(VERDICTS.rows.map((row) => [keyOf(row[0], row[1], row[2]), row]));
const unique = (values) => [...new Set(values)];

/** Return the rows and columns of the matrix that the filters keep; `all` counts its variables. */
function chooseMatrix() {
  const rows = chooseRows(VERDICTS);
  const columns = VERDICTS.rows.filter((row) => keeps.source(row[1]) && keeps.use(row[2])).map((row) => [row[1], row[2]]);
  const pairs = unique(columns.map(([source, use]) => `${source} ${use}`)).map((text) => text.split(" ").map(Number));
  pairs.sort(([s, u], [t, v]) => s - t || u - v);
  return { variables: unique(rows.map(([variable]) => variable)), pairs, all: unique(VERDICTS.rows.map(([v]) => v)) };
}

function makeMatrix() {
  const { variables, pairs, all } = chooseMatrix();
  if (!variables.length) return make("p", { class: "nothing" }, word("none_kept"));
  const sources = unique(pairs.map(([source]) => source));
  const title = word("verdicts_title");
  const head = make("thead", {}, makePrintHead(title, pairs.length + 1),
    make("tr", {}, make("td", { rowspan: 2, class: "corner" }),
      sources.map((source) => make("th", { scope: "colgroup", class: "group", colspan: pairs.filter(([own]) => own === source).length },
        nameSource(source)))),
    make("tr", {}, pairs.map(([source, use]) => make("th", { scope: "col", class: isFirst(pairs, source, use) ? "first" : "" },
      nameOf("uses", use)))));
  const lines = variables.map((variable) => make("tr", { class: NAMES.variables[variable].id ? "" : "total" },
    make("th", { scope: "row" }, make("span", { class: "name" }, nameOf("variables", variable))),
    pairs.map(([source, use]) => makeMatrixCell(variable, source, use, isFirst(pairs, source, use)))));
  const grid = make("table", { class: pairs.length > 6 ? "matrix wide" : "matrix", role: "grid", "aria-label": title, onkeydown: walk, onclick: choose, onfocusin: settle },
    head, make("tbody", {}, lines), makePrintFoot(VERDICTS, pairs.length + 1));
  (grid.querySelector('[aria-selected="true"]') || grid.querySelector('[role="gridcell"]'))?.setAttribute("tabindex", "0");
  const counted = (numbers) => numbers.filter((number) => NAMES.variables[number].id).length;
  return make("div", {}, makeLegend(),
    make("p", { class: "count" }, word("variables_shown", { shown: counted(variables), total: counted(all) })),
    make("div", { class: "scroll" }, grid), make("p", { class: "hint" }, word("matrix_hint")));
}

const isFirst = (pairs, source, use) => pairs.find(([own]) => own === source)[1] === use;

function makeMatrixCell(variable, source, use, first) {
  const row = BY_KEY.get(keyOf(variable, source, use));
  if (!row) return make("td", { role: "gridcell", tabindex: -1, class: first ? "empty first" : "empty" }, NONE);
  const key = keyOf(variable, source, use), faded = state.verdict && row[3] !== state.verdict;
  const count = row[0] || row[6] === null ? null : make("span", { class: "passing" }, `${writeNumber(row[6], 0)}/${writeNumber(row[5], 0)}`);
  return make("td", { role: "gridcell", tabindex: -1, "data-key": key, "aria-selected": String(state.cell === key),
    class: `cell ${row[3]}${first ? " first" : ""}${faded ? " faded" : ""}`, "aria-label": describeCell(row), title: describeCell(row) },
  make("span", { class: "mark" }, DATA.look.marks[row[3]] || NONE), make("span", { class: "short" }, word(`short_${row[3]}`), row[EXPLORED] ? "*" : ""), count);
}

/** Return all that a cell says, for those who do not see where it stands. */
function describeCell(row) {
  const named = [nameOf("variables", row[0]), nameOf("sources", row[1]), nameOf("uses", row[2])].join(", ");
  const explored = row[EXPLORED] ? ` (${word("exploratory")})` : "";
  const verdict = word(row[3], {}, "verdict") + explored + (row[4] ? ` (${word(row[4], {}, "reason")})` : "");
  const passing = row[6] === null ? "" : `, ${word("passing", { k: row[6], n: row[5] })}`;
  const decided = row[7] ? `, ${word("decided_by")}${word("colon")}${say(row[7])}` : "";
  return `${named}${word("colon")}${verdict}${passing}${decided}`;
}

const makeLegend = () =>
  make("ul", { class: "legend" }, Object.keys(DATA.look.verdicts).map((key) => make("li", {}, showVerdict(key))),
    make("li", {}, make("span", { class: "verdict" }, make("span", { class: "mark" }, NONE), ` ${word("not_applicable", {}, "verdict")}`)),
    VERDICTS.exploratory?.length ? make("li", {}, `* ${word("exploratory")}`) : null);

// Keys: arrows, Home and End (with Ctrl of the whole grid), Enter or space to choose, Escape to close.

const listLines = (grid) => [...grid.tBodies[0].rows].map((line) => [...line.querySelectorAll('[role="gridcell"]')]);

const MOVES = {
  ArrowUp: (y, x) => [y - 1, x], ArrowDown: (y, x) => [y + 1, x], ArrowLeft: (y, x) => [y, x - 1], ArrowRight: (y, x) => [y, x + 1],
  PageUp: (y, x) => [y - 8, x], PageDown: (y, x) => [y + 8, x],
  Home: (y, x, ctrl) => [ctrl ? 0 : y, 0], End: (y, x, ctrl) => [ctrl ? Infinity : y, Infinity],
};

function walk(event) {
  const cell = event.target.closest('[role="gridcell"]');
  if (!cell || event.altKey || event.metaKey) return;
  if (event.key === "Enter" || event.key === " ") choose(event);
  else if (event.key === "Escape" && state.cell) showDetails("");
  else if (MOVES[event.key]) step(event.currentTarget, cell, event);
  else return;
  event.preventDefault();
}

function step(grid, cell, event) {
  const lines = listLines(grid), y = lines.findIndex((line) => line.includes(cell)), x = lines[y].indexOf(cell);
  const [toY, toX] = MOVES[event.key](y, x, event.ctrlKey);
  const within = (value, size) => Math.min(Math.max(value, 0), size - 1);
  const line = lines[within(toY, lines.length)];
  line[within(toX, line.length)].focus();
}

/** Keep a single cell of the grid in the order of Tab: the one that was last in use. */
function settle(event) {
  const cell = event.target.closest('[role="gridcell"]');
  if (!cell) return;
  for (const other of event.currentTarget.querySelectorAll('[role="gridcell"][tabindex="0"]')) other.setAttribute("tabindex", "-1");
  cell.setAttribute("tabindex", "0");
}

function choose(event) {
  const cell = event.target.closest("[data-key]");
  if (cell) showDetails(cell.dataset.key === state.cell ? "" : cell.dataset.key);
}

// What is behind a cell.

function showDetails(key) {
  state.cell = BY_KEY.has(key) ? key : "";
  writeAddress();
  for (const cell of document.querySelectorAll(".matrix [data-key]")) cell.setAttribute("aria-selected", String(cell.dataset.key === state.cell));
  const place = document.getElementById("details");
  if (place) place.replaceChildren(...makeDetails());
  if (!state.cell) return;
  place?.scrollIntoView({ block: "nearest", behavior: "instant" });
  announce(describeCell(BY_KEY.get(state.cell)));
}

const CRITERIA = {
  columns: [
    { key: "criterion", kind: "text" }, { key: "number", kind: "estimate", written: "written" }, { key: "rule", kind: "text" },
    { key: "decision", kind: "decision" }, { key: "needed", kind: "estimate", as: "missing" }, { key: "written", kind: "key", hidden: true },
  ],
};

const listCriteria = ([variable, source, use]) => {
  const own = DATA.criteria.rows.filter((row) => row[0] === variable && row[1] === source && row[2] === use);
  const text = (number) => DATA.criteria.texts[number];
  return own.map((row) => [text(row[3]), row[4], text(row[6]), row[7] || null, row[8], row[5]]);
};

function makeDetails() {
  const row = BY_KEY.get(state.cell);
  if (!row) return [];
  const named = [nameOf("variables", row[0]), nameOf("sources", row[1]), nameOf("uses", row[2])].join(" · ");
  const close = make("button", { type: "button", class: "close", onclick: () => closeDetails() }, word("close"));
  const head = make("div", { class: "head" }, make("h3", {}, named), showVerdict(row[3]), row[EXPLORED] ? make("span", {}, word("exploratory")) : null, close);
  if (!NAMES.variables[row[0]].id) return [head, make("p", {}, describeCell(row)), makeBehind(row, named)];
  const titles = ["criterion", "estimate_column", "rule_column", "decision_column", "patients_missing"];
  const columns = CRITERIA.columns.map((column, place) => ({ ...column, title: DATA.words.dashboard[titles[place]] || ["", ""] }));
  const rows = listCriteria(row);
  if (!rows.length) return [head, make("p", {}, row[4] ? word(row[4], {}, "reason") : NONE)];
  return [head, makeTable({ ...VERDICTS, columns, rows }, rows, { title: named }), make("p", { class: "hint" }, word("details_hint")), makeFollow(row[0])];
}

/** Return the verdicts that the one on all variables together was made from. */
function makeBehind([, source, use], title) {
  const rows = VERDICTS.rows.filter((row) => NAMES.variables[row[0]].id && row[1] === source && row[2] === use);
  return rows.length ? makeTable(VERDICTS, rows, { title, total: rows.length, without: ["source", "use"], name: "verdicts" }) : null;
}

/** Return what leaves a single variable in every section. */
const makeFollow = (variable) => make("button", { type: "button", class: "copy follow", onclick: () => {
  document.getElementById("filter-q").value = nameOf("variables", variable);
  change("q", nameOf("variables", variable));
} }, word("follow"));

function closeDetails() {
  const cell = document.querySelector(`.matrix [data-key="${CSS.escape(state.cell)}"]`);
  showDetails("");
  cell?.focus();
}
