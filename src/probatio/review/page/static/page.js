// Shortcuts and small comforts. The page works without this file; nothing is kept in the browser.
"use strict";

const form = document.getElementById("decide");
const find = (selector) => document.querySelector(selector);
const isTyping = (node) => node.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");

// The passages: each document scrolls to its first span, without moving the page.
for (const box of document.querySelectorAll("div.text[role=region]")) {
  const mark = box.querySelector("mark");
  if (mark) box.scrollTop = mark.offsetTop - box.offsetTop - box.clientHeight / 3;
}

const refusal = document.getElementById("refusal");
if (refusal) refusal.focus();

// Typing a value, or ticking part of one, chooses "another value".
if (form) {
  for (const event of ["input", "change"]) {
    form.addEventListener(event, ({ target }) => {
      const typed = form.querySelector("[data-typed]");
      if (typed && target.name.startsWith("field:")) typed.checked = true;
    });
  }
  // A form handed to a server that is gone would be lost: ask first whether it is there. Once only, then it is sent.
  const offline = document.getElementById("offline");
  let state = "typing";
  form.addEventListener("submit", async (event) => {
    if (state === "sent") return;
    event.preventDefault();
    if (state === "asking") return;
    state = "asking";
    try {
      await fetch("/static/icon.svg", { cache: "no-store" });
      state = "sent";
      form.requestSubmit(event.submitter);
    } catch {
      state = "typing";
      offline.hidden = false;
      offline.focus();
    }
  });
}

const act = (node) => {
  if (node.disabled) return;
  if (node.matches("input[type=radio]")) {
    node.focus();
    if (!node.name.startsWith("field:")) node.click();
  } else if (node.matches("summary")) {
    node.click();
    node.focus();
  } else if (node.matches("input, textarea, select")) {
    node.focus();
  } else {
    node.click();
  }
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (key === "Enter" && (event.ctrlKey || event.metaKey) && form) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (key === "Escape" && target.closest("form")) {
    target.blur();
    document.getElementById("main").focus();
    return;
  }
  if (isTyping(target)) return;
  if (key === "Enter" && form && !target.closest("a, button, summary, form")) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  if (!document.body.hasAttribute("data-shortcuts")) return;
  // Figures by their place, too: a French keyboard's upper row gives them with Shift only.
  const name = key.toLowerCase();
  const digit = (/^(?:Digit|Numpad)([1-9])$/.exec(event.code) || /^([1-9])$/.exec(key) || [])[1];
  const node = digit ? find(`[data-digit="${digit}"]`) : /^[a-z?]$/.test(name) ? find(`[data-key="${name}"]`) : null;
  if (node) {
    event.preventDefault();
    act(node);
  }
});
