// The till's own screens: keypads, the PIN's dots, the count, forms that go once, and where the focus
// goes after a line was sold. Each part looks for its data attribute and does nothing without it.

const PIN_LENGTH = 6;

// --- data-keypad="FIELD" (none: the form's PIN): buttons type data-digit into the field ------------
function fieldOf(pad) {
  return document.getElementById(pad.dataset.keypad || "pin");
}

document.addEventListener("click", (event) => {
  const key = event.target.closest?.("[data-digit], [data-erase]");
  const pad = key?.closest("[data-keypad]");
  if (!pad) return;
  const field = fieldOf(pad);
  if (key.dataset.digit === undefined) field.value = field.value.slice(0, -1);
  else if (field.maxLength < 0 || field.value.length < field.maxLength) field.value += key.dataset.digit;
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

// --- data-pin: dots fill, and the sixth digit signs in ---------------------------------------------
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-pin]");
  if (!form) return;
  const length = event.target.value.length;
  for (const [place, dot] of [...form.querySelectorAll(".pin-dot")].entries()) {
    dot.classList.toggle("pin-dot-on", place < length);
  }
  if (length === PIN_LENGTH) form.requestSubmit();
});

// The pad is there for fingers; a keyboard types wherever the focus went.
document.addEventListener("keydown", (event) => {
  const field = document.querySelector("[data-pin] .pin-input");
  if (field && /^[0-9]$/.test(event.key) && document.activeElement !== field) field.focus();
});

// --- data-count="IDR": pieces × value, summed while somebody counts -------------------------------
function counted(form) {
  const inputs = [...form.querySelectorAll("[data-value]")];
  return inputs.reduce((sum, input) => sum + Number(input.dataset.value) * Number(input.value || 0), 0);
}

function money(minor, currency) {
  const language = document.documentElement.lang === "id" ? "id-ID" : "en-GB";
  const kind = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
  const exponent = currency === "IDR" ? 0 : new Intl.NumberFormat(language, kind).resolvedOptions().maximumFractionDigits;
  const exact = { ...kind, minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  return new Intl.NumberFormat(language, exact).format(minor / 10 ** exponent);
}

function showCount(form) {
  const total = form.querySelector("[data-count-total]");
  if (total) total.textContent = money(counted(form), form.dataset.count);
}

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-count]");
  if (form) showCount(form);
});
for (const form of document.querySelectorAll("[data-count]")) showCount(form);

// --- data-once: a second press of the same form goes nowhere --------------------------------------
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.once === undefined) return;
  if (form.dataset.sent !== undefined) event.preventDefault();
  form.dataset.sent = "";
});
// The back button shows the page as it was left: its form may be used again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
});

// --- data-fill-all: everything that is left comes back --------------------------------------------
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-fill-all]");
  if (!button) return;
  for (const input of button.closest("form").querySelectorAll("[data-all]")) input.value = input.dataset.all;
});

// --- data-select: what stands in the field is replaced by typing ----------------------------------
function selectArrived(root) {
  root.querySelector?.("[data-select][autofocus]")?.select();
}
document.addEventListener("htmx:load", (event) => selectArrived(event.detail.elt));
selectArrived(document);

// --- Selling --------------------------------------------------------------------------------------
const search = () => document.querySelector(".sell [data-scan]");
const isForFingers = matchMedia("(pointer: coarse)").matches;

// What was entered leaves the field as soon as it is sent, so that the next scan may already begin;
// a code that was refused comes back marked, to be replaced by typing.
let sent = "";

document.addEventListener("htmx:beforeRequest", (event) => {
  const field = search();
  const { verb, target } = { verb: event.detail.requestConfig.verb, target: event.detail.target };
  if (!field || verb !== "post" || target.id !== "cart" || event.target.closest("dialog")) return;
  sent = field.value;
  field.value = "";
});

document.addEventListener("htmx:afterRequest", (event) => {
  const field = search();
  if (!field || !event.detail.failed || !event.detail.elt.matches("[data-scan-form]")) return;
  if (field.value !== "") return;
  field.value = sent;
  field.select();
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id !== "cart") return;
  document.querySelector(".cart-line[aria-current]")?.scrollIntoView({ block: "nearest" });
  if (document.querySelector("#shelf[data-asked]") && !search()?.value) {
    document.body.dispatchEvent(new CustomEvent("sentra:shelf"));
  }
  if (!isForFingers) search()?.focus();
});

// Several products fit what was entered: the arrow keys choose among the tiles, Enter takes one.
document.addEventListener("htmx:afterSettle", (event) => {
  const source = event.detail.requestConfig?.elt;
  if (event.detail.target.id === "shelf" && source?.matches("[data-scan-form]")) {
    document.querySelector(".tile:not(:disabled)")?.focus();
  }
});

document.addEventListener(
  "keydown",
  (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || document.querySelector("dialog[open]")) return;
    const tiles = [...document.querySelectorAll(".tile:not(:disabled)")];
    const present = tiles.indexOf(document.activeElement);
    const fromSearch = document.activeElement === search() && search()?.value !== "" && event.key === "ArrowDown";
    if (!tiles.length || (present < 0 && !fromSearch)) return;
    event.preventDefault();
    const next = fromSearch ? tiles[0] : neighbour(tiles, present, step);
    (next ?? search())?.focus();
  },
  true,
);

function neighbour(tiles, present, [columns, rows]) {
  const perRow = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
  const place = present + columns + rows * perRow;
  return place < 0 ? null : tiles[Math.min(place, tiles.length - 1)];
}
