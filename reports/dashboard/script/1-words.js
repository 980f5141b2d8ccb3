// Data, language, words and numbers. Every number was rounded when the page was made; here it is only written.

const DATA = JSON.parse(document.getElementById("dashboard-data").textContent);
const NAMES = DATA.names;
const NARROW = "\u202f", NO_BREAK = "\u00a0", NONE = "–", DOT = " · ";
const state = { lang: DATA.study.language };


/** Return a wording in the page's language; French spaces before and inside signs do not break. */
const say = (both) => {
  if (!both) return "";
  return state.lang === "fr" ? both[0].replace(/ (?=[:;?!%»])|(?<=«) /g, NO_BREAK) : both[1];
};

/** Return the wording of a key; of a kind `reason`, `verdict`, ... where it is not the page's own. */
const word = (key, values = {}, kind = "dashboard") => {
  const both = DATA.words[kind][key];
  return both ? say(both).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "") : key;
};

const nameOf = (kind, number) => (kind === "centres" ? nameCentre(NAMES.centres[number]) : say(NAMES[kind][number].label));
const nameCentre = (id) => (id === "missing" ? word("unknown_centre") : id);

/** Return texts as one, with the sign that the language sets between them. */
const joinTexts = (texts) => texts.join(state.lang === "fr" ? `${NO_BREAK}; ` : "; ");

/** Return a number with fixed decimals as the language writes it. */
function writeNumber(value, digits, sign = false) {
  if (value === null || value === undefined) return NONE;
  if (value === "inf" || value === "-inf") return value === "inf" ? "∞" : "−∞";
  const [whole, rest] = Math.abs(value).toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, state.lang === "fr" ? NARROW : ",");
  const text = rest ? grouped + (state.lang === "fr" ? "," : ".") + rest : grouped;
  const mark = /[1-9]/.test(text) ? (value < 0 ? "−" : sign ? "+" : "") : "";
  return mark + text;
}

const writePercent = (value, digits = 1, sign = false) => {
  const text = writeNumber(value, digits, sign);
  return text === NONE ? text : text + (state.lang === "fr" ? NARROW : "") + "%";
};

/** Return both limits between brackets; empty where there is no interval. */
function writeInterval(lower, upper, digits) {
  const given = (value) => value !== null && value !== undefined;
  if (!given(lower) && !given(upper)) return "";
  const [low, high] = [writeNumber(lower, digits), writeNumber(upper, digits)];
  return state.lang === "fr" ? `[${low}${NO_BREAK}; ${high}]` : `(${low} to ${high})`;
}

/** Return a day as the language writes it, from an ISO time. */
const writeDay = (time) =>
  new Date(time).toLocaleDateString(state.lang === "fr" ? "fr-FR" : "en-GB",
    { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
