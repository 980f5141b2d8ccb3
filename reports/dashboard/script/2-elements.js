// Elements are made, never written as text: nothing that comes from data is read as HTML.

const SVG = "http://www.w3.org/2000/svg";

const fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
};

/** Return an element with attributes (`onclick` listens) and children: elements or texts. */
const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** Return an SVG element. */
const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const hiddenText = (text) => make("span", { class: "unseen" }, text);

/** Set a colour that the page computes; style attributes are refused by the page's own policy. */
const paint = (node, properties) => {
  for (const [name, value] of Object.entries(properties)) node.style.setProperty(name, value);
  return node;
};

/** Return a source's mark, by shape and colour, centred at a point. */
function drawMark(source, x, y, size = 4) {
  const { colour, shape } = source === undefined ? { colour: "#1a1a1a", shape: "circle" } : NAMES.sources[source];
  const look = { fill: colour, stroke: "#1a1a1a", "stroke-width": 0.6 };
  if (shape === "circle") return draw("circle", { cx: x, cy: y, r: size, ...look });
  const points = {
    triangle: [[0, -1.15], [1.1, 0.9], [-1.1, 0.9]],
    square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
    diamond: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]],
    fallen: [[0, 1.15], [1.1, -0.9], [-1.1, -0.9]],
    plus: [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]],
    upright: [[-0.5, -1.25], [0.5, -1.25], [0.5, 1.25], [-0.5, 1.25]],
    cross: [[-1.1, -0.55], [-0.55, -1.1], [0, -0.55], [0.55, -1.1], [1.1, -0.55], [0.55, 0], [1.1, 0.55], [0.55, 1.1], [0, 0.55], [-0.55, 1.1], [-1.1, 0.55], [-0.55, 0]],
  }[shape];
  return draw("polygon", { points: points.map(([dx, dy]) => `${x + dx * size},${y + dy * size}`).join(" "), ...look });
}

/** Return a source's name with its mark before it. */
const nameSource = (number) =>
  make("span", { class: "source" },
    draw("svg", { width: 12, height: 12, viewBox: "0 0 12 12", "aria-hidden": "true" }, drawMark(number, 6, 6)),
    make("span", {}, nameOf("sources", number)));

/** Hand a text to the reader as a file; nothing is sent. The mark at its start tells a spreadsheet that it is UTF-8. */
function saveText(text, name) {
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** Copy a text; answers whether that was done. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = make("textarea", { class: "unseen", "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
