// data-key="F9" | "Ctrl+K" | "/" | "+": the key acts wherever the focus is. It presses a button,
// follows a link or focuses a field. With a dialog open only the dialog's own keys act. A plain
// character never acts while somebody types into a field.
const EDITABLE = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";

export const isTyping = (element) => element instanceof Element && element.matches(EDITABLE);

export const topDialog = () => [...document.querySelectorAll("dialog[open]")].at(-1);

function named(event) {
  const parts = [];
  if (event.ctrlKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.metaKey) parts.push("Meta");
  const isLetter = event.key.length === 1;
  if (event.shiftKey && !isLetter) parts.push("Shift");
  parts.push(isLetter ? event.key.toUpperCase() : event.key);
  return parts.join("+");
}

function holderOf(key) {
  const scope = topDialog() ?? document;
  const wanted = key.toUpperCase();
  const holders = [...scope.querySelectorAll("[data-key]")].filter(
    (element) =>
      element.dataset.key.toUpperCase() === wanted && !element.disabled && element.checkVisibility(),
  );
  return holders.at(-1);
}

function act(element) {
  if (isTyping(element)) {
    element.focus();
    element.select?.();
  } else {
    element.click();
  }
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.repeat) return;
  const plain = event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey;
  const erasing = ["Delete", "Backspace", "Enter", "ArrowUp", "ArrowDown"].includes(event.key);
  if ((plain || erasing) && isTyping(event.target) && !worksInEmptyField(event, plain)) return;
  const holder = holderOf(named(event));
  if (!holder) return;
  event.preventDefault();
  act(holder);
});

// On the till the search field always has the focus: a field with data-keys-when-empty lets the keys
// of the page act while nothing is typed into it.
function worksInEmptyField(event, plain) {
  const field = event.target;
  return field.dataset?.keysWhenEmpty !== undefined && field.value === "" && !(plain && /[\p{L}\p{N} ]/u.test(event.key));
}
