// data-scan on the till's search field: a scan works wherever the focus is. A scanner is a keyboard
// that types a code faster than anybody and ends with Enter; the code goes to the field, whose form is
// then submitted. Plain typing outside any field goes there as well.
import { isTyping, topDialog } from "./keys.js";

const GAP_MS_MAX = 45; // between two characters of a scanner; quick typists need 80
const LENGTH_MIN = 5; // the shortest codes in use; less may be a person

let burst = "";
let lastAtMs = 0;
let before = { field: null, value: "" };

const target = () => (topDialog() ?? document).querySelector("[data-scan]");

document.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const field = target();
    if (!field || field.disabled) return;
    const isNext = event.timeStamp - lastAtMs <= GAP_MS_MAX;
    lastAtMs = event.timeStamp;
    if (event.key === "Enter") {
      if (isNext && burst.length >= LENGTH_MIN && event.target !== field) deliver(event, field);
      burst = "";
    } else if (event.key.length === 1) {
      if (!isNext) begin(event.target);
      burst += event.key;
      // The key that shortcut marks take (+, /) is theirs; a letter or digit begins a search.
      if (!isTyping(event.target) && /[\p{L}\p{N}]/u.test(event.key)) field.focus();
    }
  },
  true,
);

function begin(focused) {
  burst = "";
  before = isTyping(focused) ? { field: focused, value: focused.value } : { field: null, value: "" };
}

function deliver(event, field) {
  event.preventDefault();
  event.stopImmediatePropagation();
  if (before.field) before.field.value = before.value;
  field.value = burst;
  field.focus();
  field.form?.requestSubmit();
}
