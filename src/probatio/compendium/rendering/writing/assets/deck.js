"use strict";
const pages = [...document.querySelectorAll(".page")];
const place = document.querySelector(".place");
let now = 0;

// A slide whose text is too long is set smaller, down to 60 %, on paper too: its size does not depend on the window.
const fit = page => {
  const content = page.querySelector(".content");
  if (!content) return;
  for (let share = 100; share >= 60 && content.scrollHeight > content.clientHeight + 1; share -= 4) {
    content.style.fontSize = `${share}%`;
  }
};

const show = (number, moved = true) => {
  now = Math.max(0, Math.min(pages.length - 1, number));
  pages.forEach((page, index) => page.classList.toggle("now", index === now));
  place.textContent = `${document.body.dataset.slide} ${now + 1} / ${pages.length}`;
  if (moved) history.replaceState(null, "", `#${now + 1}`);
};

const find = hash => {
  const name = decodeURIComponent(hash.slice(1));
  const target = name && document.getElementById(name);
  const index = target ? pages.indexOf(target.closest(".page")) : Number.parseInt(name, 10) - 1;
  return Number.isInteger(index) && index >= 0 ? index : 0;
};

const scale = () => {
  const share = Math.min(innerWidth / 1280, innerHeight / 720);
  document.documentElement.style.setProperty("--scale", share);
};

const steps = {
  ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, Enter: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Backspace: -1,
};
addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || (event.key === "Enter" && event.target.closest("a"))) return;
  if (event.key in steps) show(now + steps[event.key]);
  else if (event.key === "Home") show(0);
  else if (event.key === "End") show(pages.length - 1);
  else if (event.key === "n" || event.key === "N") document.body.classList.toggle("noting");
  else return;
  event.preventDefault();
});
let start = 0;
addEventListener("touchstart", event => { start = event.changedTouches[0].screenX; }, { passive: true });
addEventListener("touchend", event => {
  const moved = event.changedTouches[0].screenX - start;
  if (Math.abs(moved) > 60) show(now + (moved < 0 ? 1 : -1));
}, { passive: true });
addEventListener("hashchange", () => show(find(location.hash), false));
addEventListener("resize", scale);

pages.forEach(fit);
document.body.classList.add("turning");
scale();
show(find(location.hash), false);
