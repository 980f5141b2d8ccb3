// The page: head, filters, one section per question. Sections are made anew when a filter or the language changes.

const SECTIONS = ["verdicts", "errors", "differences", "centres", "missing", "review", "drift", "conclusions", "reading", "run"];
const LIVE = make("div", { class: "unseen", role: "status", "aria-live": "polite" });
const announce = (text) => { LIVE.textContent = text; };
const root = document.getElementById("dashboard");
const inParts = {};

const paragraph = (text, kind = "lead") => (text ? make("p", { class: kind }, text) : null);
const wordOf = (panel) => say(panel.why);

/** Return a panel's table with its source below, or the sentence that says why there is none. */
function makePanel(name, { title = wordSection(name, "title"), rows, without, total } = {}) {
  const panel = DATA.panels[name];
  if (!panel.rows.length) return make("p", { class: "nothing" }, wordOf(panel));
  const chosen = rows || chooseRows(panel);
  const table = chosen.length ? makeTable(panel, chosen, { title, without, total, name }) : make("p", { class: "nothing" }, word("none_kept"));
  return [table, makeSource(panel)];
}

const makeSource = (panel) => paragraph(writeSource(panel), "source-line");

/** Return what is chosen, for a picture in print; a table says it in its own head. */
const makeChosen = () => make("p", { class: "print-only" }, `${writeStudy()} ${word("filters")}${word("colon")}${describeFilters()}`);

/** Return a table behind a picture: folded, made when it is opened. */
function makeFolded(name, options = {}) {
  const folded = make("details", {}, make("summary", {}, word("table_behind")));
  folded.addEventListener("toggle", () => { if (folded.open && folded.children.length === 1) folded.append(...[makePanel(name, options)].flat().filter(Boolean)); });
  return folded;
}

/** Return the variable shown where a section shows one at a time, out of those that filters keep. */
function findShown(panel) {
  const kept = unique(chooseRows(panel).map(([variable]) => variable));
  const asked = kept.find((number) => NAMES.variables[number].id === state.variable && state.variable);
  return [kept, asked ?? (kept.includes(panel.start ?? 0) ? panel.start ?? 0 : kept[0])];
}

function makeChooser(kept, shown) {
  const field = make("select", { onchange: () => change("variable", field.value), "data-view": "variable" },
    kept.map((number) => make("option", { value: NAMES.variables[number].id, selected: number === shown }, nameOf("variables", number))));
  return make("label", { class: "chooser" }, `${word("shown_variable")} `, field);
}

const MAKE = {
  verdicts: () => {
    if (!VERDICTS.rows.length) return [make("p", { class: "nothing" }, wordOf(VERDICTS))];
    const silent = VERDICTS.rows.every((row) => row[3] === "not_applicable");
    if (silent) return [make("p", { class: "nothing" }, word("verdicts_silent", { reason: word(VERDICTS.rows[0][4], {}, "reason") })), makeFolded("verdicts"), makeSource(VERDICTS)];
    return [VERDICTS.exploratory.map((sentence) => paragraph(say(sentence), "headline")), makeMatrix(), make("div", { id: "details", role: "region", "aria-label": word("details_title") }, makeDetails()), makeFolded("verdicts"), makeSource(VERDICTS)];
  },
  errors: () => [makeOutcomeLegend(), makePanel("errors")],
  differences: () => [DATA.panels.differences.rows.length ? paragraph(word("margin_of", { use: nameOf("uses", findUse()) }), "hint") : null, makePanel("differences")],
  centres: makeCentres,
  missing: () => {
    if (!MISSING.rows.length) return [make("p", { class: "nothing" }, wordOf(MISSING))];
    const rows = chooseRows(MISSING);
    return [makeChosen(), paragraph(writeLeftOut(MISSING), "hint"), rows.length ? makeMissing(rows) : make("p", { class: "nothing" }, word("none_kept")), makeFolded("missing"), makeSource(MISSING)];
  },
  review: makeReview,
  drift: makeDrift,
  conclusions: () => [paragraph(countConclusions(chooseRows(DATA.panels.conclusions)), "headline"), makePanel("conclusions")],
  reading: makeReading,
  run: makeRun,
};

const CONCLUDED = { equivalent: "●", inconclusive: "○", not_equivalent: "✕" };

/** Return how many of the chosen comparisons hold, are open, do not hold, and have no verdict. */
function countConclusions(rows) {
  const count = (kept) => rows.filter((row) => kept(row[row.length - 1])).length;
  const silent = count((code) => !CONCLUDED[code]);
  if (silent === rows.length) return "";
  const said = Object.entries(CONCLUDED).map(([key, mark]) => `${mark} ${word(key, {}, "equivalence")}${word("colon")}${count((code) => code === key)}`);
  return `${joinTexts([...said, ...(silent ? [word("conclusions_silent", { n: silent })] : [])])}.`;
}

const writeLeftOut = ({ left_out: leftOut, unplaced }) =>
  [leftOut && leftOut[0] ? word("left_out", { n: leftOut[0], total: leftOut[1], least: DATA.rules.stratum }) : "",
    unplaced ? word("unplaced") : ""].filter(Boolean).join(" ");

const makeOutcomeLegend = () => {
  const panel = DATA.panels.errors;
  if (!panel.rows.length) return null;
  return make("ul", { class: "legend" }, panel.outcomes.map((name, place) => make("li", {},
    draw("svg", { width: 18, height: 14, "aria-hidden": "true" }, draw("rect", { width: 18, height: 14, fill: DATA.look.outcomes[place] }),
      HATCHES[place] ? draw("rect", { width: 18, height: 14, fill: `url(#${HATCHES[place]})` }) : null), ` ${say(name)}`)));
};

function makeCentres() {
  const panel = DATA.panels.by_centre, [kept, shown] = findShown(panel);
  const parts = [make("h3", {}, word("new_centre_title")), makePanel("new_centre"), make("h3", {}, word("by_centre_title"))];
  if (!panel.rows.length) return [...parts, make("p", { class: "nothing" }, wordOf(panel))];
  const rows = chooseRows(panel).filter(([variable]) => variable === shown);
  const total = panel.rows.filter(([variable]) => variable === shown).length;
  const title = `${word("by_centre_title")} · ${shown === undefined ? "" : nameOf("variables", shown)}`;
  return [...parts, paragraph([writeLeftOut(panel), DATA.hidden_names ? word("pseudonyms") : ""].filter(Boolean).join(" "), "hint"),
    kept.length ? makeChooser(kept, shown) : null, makePanel("by_centre", { rows, title, total, without: ["variable"] })];
}

function makeReview() {
  const panel = DATA.panels.review;
  if (!panel.rows.length && !panel.standing?.length) return [make("p", { class: "nothing" }, wordOf(panel)), makeAudit(panel)];
  const subject = panel.source === null ? "" : word("review_subject", { source: nameOf("sources", panel.source), use: nameOf("uses", panel.use) });
  return [paragraph(subject, "hint"), makeTiles(panel.standing.map(([label, value]) => [label, [value], "missing"])), makeTiles(panel.tiles),
    makePanel("review"), makeReaders(panel), makeAudit(panel)];
}

const makeTiles = (tiles) => tiles.length ? make("dl", { class: "tiles" }, tiles.map(([label, cell, how]) => {
  const said = readCell(cell, how === "count" ? "missing" : how);
  return make("div", {}, make("dt", {}, say(label)), make("dd", {}, make("span", { class: said.why ? "why" : "value" }, said.why || said.text),
    said.remark ? markRemark(said.remark) : null, said.interval ? make("span", { class: "range" }, said.interval) : null,
    said.counts ? make("span", { class: "counts" }, said.counts) : null));
})) : null;

function makeReaders({ readers }) {
  if (!readers?.length) return null;
  return [make("h3", {}, word("readers_title")), makeTiles(readers.map(([number, cell]) =>
    [DATA.words.dashboard.reader.map((text) => text.replace("{n}", number)), cell, "percent"]))];
}

function makeAudit({ audit }) {
  const told = (audit || []).filter(([, cell]) => isTold(cell));
  return told.length ? [make("h3", {}, word("audit_title")), makeTiles(told)] : make("p", { class: "hint" }, word("no_audit"));
}

function makeDrift() {
  if (!DRIFT.rows.length) return [make("p", { class: "nothing" }, wordOf(DRIFT))];
  const [kept, shown] = findShown(DRIFT), rows = chooseRows(DRIFT).filter(([variable]) => variable === shown);
  const [monitored, all] = DATA.panels.alarms.monitored, alarms = DATA.panels.alarms.rows.filter((row) => isTold(row[2])).length;
  const said = word("alarms_line", { alarms, monitored, unmonitored: all - monitored });
  return [makeChosen(), paragraph(said, "headline"), kept.length ? makeChooser(kept, shown) : null,
    rows.length ? makeCharts(rows, shown) : make("p", { class: "nothing" }, word("none_kept")),
    makeFolded("drift", { rows, total: rows.length }), makeSource(DRIFT), make("h3", {}, word("alarms_title")), makePanel("alarms")];
}

/** Return a section's own words; where there is no reference, two readings agree and neither errs. */
const wordSection = (name, part) =>
  word(name === "errors" && !DATA.rules.reference ? `readings_${part}` : `${name}_${part}`, { limit: writePercent(DATA.rules.missing, Number.isInteger(DATA.rules.missing) ? 0 : 1) });

const fillSection = (name) => [make("h2", { id: `title-${name}`, tabindex: -1 }, wordSection(name, "title")), paragraph(wordSection(name, "lead")), MAKE[name]()];

const makeSection = (name) => make("section", { id: name, "aria-labelledby": `title-${name}` });

const go = (name) => (event) => {
  event.preventDefault();
  const title = document.getElementById(`title-${name}`);
  const show = () => title.scrollIntoView({ block: "start", behavior: "instant" });
  show(); // sections above are laid out only now, and push it away: once more, when they are
  requestAnimationFrame(() => requestAnimationFrame(show));
  title.focus({ preventScroll: true });
};

function makeBanner() {
  const pressed = (lang) => make("button", { type: "button", lang, "aria-pressed": String(state.lang === lang), "data-lang": lang, onclick: () => change("lang", lang) },
    lang === "fr" ? "Français" : "English");
  return make("header", {}, make("div", { class: "top" },
    make("div", {}, make("p", { class: "kicker" }, word("kicker")), make("h1", {}, say(DATA.study.title)), paragraph(say(DATA.study.cohort), "cohort")),
    make("div", { class: "actions" }, make("div", { role: "group", "aria-label": word("language"), class: "languages" }, pressed("fr"), pressed("en")),
      make("button", { type: "button", onclick: () => print() }, word("print")))),
    make("p", { class: "fresh" }, DATA.run.time ? `${writeRun()} ${writeChecked()}` : writeRun()),
    paragraph(DATA.below === null ? word("circulation") : word("released", { below: DATA.below }), "fresh circulation"),
    makeChosen());
}

function makeField(name) {
  const options = OPTIONS[name]();
  if (options.length < 2) return null;
  const field = make("select", { id: `filter-${name}`, onchange: () => change(name, field.value) },
    make("option", { value: "" }, word("all")), options.map(([value, text]) => make("option", { value, selected: state[name] === value }, text)));
  return make("div", { class: "field" }, make("label", { for: `filter-${name}` }, word(`filter_${name}`)), field);
}

function makeFilters() {
  let waiting = 0;
  const search = make("input", { id: "filter-q", type: "search", value: state.q, autocomplete: "off", spellcheck: "false",
    oninput: () => { clearTimeout(waiting); waiting = setTimeout(() => change("q", search.value), 150); } });
  return make("form", { class: "filters", role: "search", "aria-label": word("filters"), onsubmit: (event) => event.preventDefault() },
    make("div", { class: "fields" }, CHOICES.map(makeField), make("div", { class: "field" }, make("label", { for: "filter-q" }, word("filter_q")), search),
      make("button", { type: "button", class: "reset", onclick: reset }, word("reset"))),
    make("p", { class: "count", id: "filter-count" }));
}

const makeNavigation = () => make("nav", { "aria-label": word("sections") }, make("ul", {}, SECTIONS.map((name) =>
  make("li", {}, make("a", { href: `#${name}`, onclick: go(name) }, wordSection(name, "short"))))));

/** Make the whole page: at the start, and when the language changes. */
function build() {
  document.documentElement.lang = state.lang;
  document.title = `${say(DATA.study.title)} · ${word("kicker")}`;
  for (const name of SECTIONS) inParts[name] = makeSection(name);
  root.replaceChildren(make("a", { class: "skip", href: "#main", onclick: skip }, word("skip")), drawPatterns(), makeBanner(), makeNavigation(), makeFilters(),
    make("main", { id: "main", tabindex: -1 }, SECTIONS.map((name) => inParts[name])), make("footer", {}, paragraph(word("footer"), "hint")), LIVE);
  refresh();
}

const skip = (event) => { event.preventDefault(); document.getElementById("main").focus(); };

/** Make the sections anew from what is chosen, and say how much is shown. */
function refresh() {
  const field = document.activeElement?.dataset?.view;
  for (const name of SECTIONS) inParts[name].replaceChildren(...fillSection(name).flat(3).filter(Boolean));
  for (const note of root.querySelectorAll("header .print-only")) note.textContent = `${word("filters")}${word("colon")}${describeFilters()}`;
  const text = writeKept();
  document.getElementById("filter-count").textContent = text;
  if (field) root.querySelector(`[data-view="${field}"]`)?.focus();
  return text;
}

function writeKept() {
  const all = NAMES.variables.map((_, number) => number).filter((number) => NAMES.variables[number].id && !NAMES.variables[number].id.includes("."));
  const kept = all.filter((number) => keepsVariable(number) && hasVerdict(number));
  const sources = NAMES.sources.filter((_, number) => keeps.source(number));
  return word("kept", { variables: kept.length, all: all.length, sources: sources.length, every: NAMES.sources.length });
}

function change(name, value) {
  state[name] = value;
  writeAddress();
  if (name === "lang") {
    build();
    root.querySelector(`[data-lang="${value}"]`).focus();
  } else {
    announce(refresh());
  }
}

function reset() {
  for (const name of [...CHOICES, ...VIEWS, "q"]) state[name] = "";
  for (const field of root.querySelectorAll(".filters select, .filters input")) field.value = "";
  writeAddress();
  announce(refresh());
}

const follow = () => {
  if (location.hash.includes("=") || location.hash === "") { readAddress(); build(); }
};

readAddress();
build();
addEventListener("hashchange", follow);
