// Missing values: for each source a small table, centre by form; a triangle marks what is above the limit.

const MISSING = DATA.panels.missing;
const byForms = () => !MISSING.columns.find(({ key }) => key === "form")?.hidden;

function makeMissing(rows) {
  const over = byForms() ? 2 : 3, kind = byForms() ? "forms" : "variables";
  const sources = unique(rows.map((row) => row[1]));
  return make("div", { class: "heat-tables" }, sources.map((source) => {
    const own = rows.filter((row) => row[1] === source);
    return makeHeat(source, own, unique(own.map((row) => row[over])).sort((a, b) => a - b), kind, over);
  }));
}

function makeHeat(source, rows, columns, kind, over) {
  const centres = unique(rows.map(([centre]) => centre)).sort((a, b) => byName(NAMES.centres[a], NAMES.centres[b]));
  const find = (centre, column) => rows.find((row) => row[0] === centre && row[over] === column);
  return make("table", { class: "heat" }, make("caption", {}, nameSource(source)),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, say(MISSING.columns[0].title)),
      columns.map((column) => make("th", { scope: "col" }, nameOf(kind, column))))),
    make("tbody", {}, centres.map((centre) => make("tr", {}, make("th", { scope: "row" }, nameOf("centres", centre)),
      columns.map((column) => makeHeatCell(find(centre, column)))))));
}

/** Return a cell: share in percent, its shade by steps of half the limit, a triangle above the limit. */
function makeHeatCell(row) {
  if (!row) return make("td", { class: "empty" }, NONE);
  const [, , , , cell, above] = row;
  if (!isTold(cell)) return make("td", { class: "empty", title: readCell(cell).why }, NONE);
  const said = readCell(cell, "percent"), step = Math.min(Math.floor(cell[0] / (MISSING.limit / 2)), 4);
  const full = `${said.text} ${said.interval} ${said.counts}`;
  return make("td", { class: `shade-${step}`, title: full }, above === "above" ? make("span", { class: "over" }, "▲") : null,
    above === "above" ? hiddenText(`${word("above_limit")} `) : null, said.text);
}
