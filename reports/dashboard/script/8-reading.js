// How the page is read, and the run that its numbers come from.

function makeRun() {
  const { run } = DATA, line = (key, value) => make("div", {}, make("dt", {}, word(key)), make("dd", {}, value));
  const dated = run.time ? [line("run_time", writeDay(run.time)), line("run_age", writeAge(run.time))] : [];
  const listed = run.time ? [make("div", {}, make("dt", {}, word("run_data", { n: writeNumber(run.files, 0) })), make("dd", {}, run.data)), line("run_rows", run.rows),
    line("run_checked", writeChecked())] : [];
  return [make("dl", { class: "run" }, dated, line("run_commit", run.commit), line("run_version", run.version), line("run_protocol", run.protocol), listed),
    DATA.study.limits.length ? [make("h3", {}, word("limits_title")), make("ul", {}, DATA.study.limits.map((limit) => make("li", {}, say(limit))))] : null,
    DATA.below === null ? null : paragraph(word("limits_withheld"), "hint")];
}

/** Return what verdicts, marks and numbers mean, and how the page is used. */
function makeReading() {
  const { rules } = DATA, whole = (value) => writePercent(value, Number.isInteger(value) ? 0 : 1);
  const told = ["reading_interval", "reading_counts", ...(rules.weighted ? ["reading_weighted"] : []), ...(DATA.below === null ? [] : ["reading_released"]), "reading_marks", "reading_keys", "reading_address"];
  const verdicts = [...Object.keys(DATA.look.verdicts), "not_applicable"].map((key) =>
    make("div", {}, make("dt", {}, showVerdict(key)), make("dd", {}, word(`reading_${key}`))));
  return [make("dl", { class: "run" }, verdicts), make("ul", {}, told.map((key) => make("li", {}, word(key, { level: whole(rules.level) }))))];
}

/** Return how many days ago the run was, by the reader's own clock. */
function writeAge(time) {
  const days = Math.floor((Date.now() - new Date(time).getTime()) / 86400000);
  return days < 0 ? word("age_unknown") : word(["age_today", "age_one"][days] || "age", { n: writeNumber(days, 0) });
}

const writeChecked = () => word(DATA.run.checked ? "checked_same" : "checked_not");
