// Filters: what is chosen, what it keeps, and the address that holds it. Rows are chosen, no number is made.

const CHOICES = ["source", "use", "form", "type", "verdict", "centre"];
const VIEWS = ["variable", "cell"];

/** Return a filter's values and their wording. */
const OPTIONS = {
  source: () => NAMES.sources.map(({ id, label }) => [id, say(label)]),
  use: () => NAMES.uses.map(({ id, label }) => [id, say(label)]),
  form: () => NAMES.forms.map(({ id, label }) => [id, say(label)]),
  type: () => [...new Set(NAMES.variables.map(({ type }) => type))].filter(Boolean).map((id) => [id, word(id, {}, "type")]),
  verdict: () => Object.keys(DATA.look.verdicts).filter((id) => DATA.panels.verdicts.rows.some((row) => row[3] === id))
    .map((id) => [id, word(id, {}, "verdict")]),
  centre: () => [...NAMES.centres].sort(byName).map((id) => [id, nameCentre(id)]),
};

const byName = (one, other) => String(one).localeCompare(String(other), state.lang, { numeric: true });

/** Return a text without accents and capitals, as a search compares it. */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const matches = (variable, searched) =>
  [variable.id, ...variable.label].some((text) => plain(text).includes(plain(searched)));

const isSearched = () => Boolean((state.q || "").trim());

/** Say whether a variable is kept by form, type and search; all variables together only where none of them is used. */
function keepsVariable(number) {
  const variable = NAMES.variables[number];
  if (!variable.id) return !state.form && !state.type && !isSearched();
  if (state.form && (variable.form === null || NAMES.forms[variable.form].id !== state.form)) return false;
  if (state.type && variable.type !== state.type) return false;
  return !isSearched() || matches(variable, state.q.trim());
}

const keeps = {
  variable: keepsVariable,
  source: (number) => !state.source || NAMES.sources[number].id === state.source,
  use: (number) => !state.use || NAMES.uses[number].id === state.use,
  form: (number) => !state.form || number === null || NAMES.forms[number].id === state.form,
  centre: (number) => !state.centre || number === null || NAMES.centres[number] === state.centre,
};

/** Return the number of the variable that an attribute belongs to; its own where it is none. */
const findOwner = (number) => {
  const own = NAMES.variables[number].id.split(".")[0];
  return NAMES.variables.findIndex(({ id }) => id === own);
};

/** Say whether a variable (of a source, where given) has the chosen verdict for the chosen use, or for any. */
function hasVerdict(variable, source, use) {
  if (!state.verdict) return true;
  const owner = findOwner(variable);
  return DATA.panels.verdicts.rows.some((row) =>
    row[0] === owner && row[3] === state.verdict && keeps.source(row[1]) && keeps.use(row[2])
    && (source === undefined || row[1] === source) && (use === undefined || row[2] === use));
}

/** Return the rows of a panel that the filters keep. */
function chooseRows(panel) {
  const places = panel.columns.map(({ kind }, place) => [kind, place]);
  const place = Object.fromEntries(places.filter(([kind]) => keeps[kind]).reverse());
  return panel.rows.filter((row) => {
    const kept = Object.entries(place).every(([kind, number]) => row[number] === null || keeps[kind](row[number]));
    if (!kept || place.variable === undefined || row[place.variable] === null) return kept;
    return hasVerdict(row[place.variable], row[place.source], row[place.use]);
  });
}

/** Return what is chosen, in words: what a print says of itself. */
function describeFilters() {
  const said = CHOICES.filter((name) => state[name]).map((name) => {
    const found = OPTIONS[name]().find(([id]) => id === state[name]);
    return `${word(`filter_${name}`)}${word("colon")}${found ? found[1] : state[name]}`;
  });
  if (isSearched()) said.push(`${word("filter_q")}${word("colon")}${state.q.trim()}`);
  return said.length ? said.join(" · ") : word("no_filter");
}

/** Return the state as an address after the sign #. A search goes there only where it is part of a variable's name. */
function writeAddress() {
  const given = new URLSearchParams();
  for (const name of [...CHOICES, ...VIEWS]) if (state[name]) given.set(name, state[name]);
  if (isSearched() && NAMES.variables.some((variable) => matches(variable, state.q.trim()))) given.set("q", state.q.trim());
  if (state.lang !== DATA.study.language) given.set("lang", state.lang);
  const text = given.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

/** Take the state from the address; a value that the page does not know is left aside. */
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const known = (name, value) => OPTIONS[name]().some(([id]) => id === value);
  state.lang = ["fr", "en"].includes(given.get("lang")) ? given.get("lang") : DATA.study.language;
  for (const name of CHOICES) state[name] = known(name, given.get(name)) ? given.get(name) : "";
  state.q = given.get("q") || "";
  const variable = given.get("variable");
  state.variable = variable !== null && NAMES.variables.some(({ id }) => id === variable) ? variable : "";
  state.cell = given.get("cell") || "";
}
