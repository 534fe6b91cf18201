// <time data-countdown datetime="…">: how long until then, as minutes and seconds; empty without
// scripts, where the time of day beside it says the same.
const STEP_MS = 1000;

function show(element) {
  const left = Math.max(0, Math.round((Date.parse(element.dateTime) - Date.now()) / STEP_MS));
  element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

function showAll() {
  for (const element of document.querySelectorAll("[data-countdown]")) show(element);
}

if (document.querySelector("[data-countdown]")) setInterval(showAll, STEP_MS);
showAll();
