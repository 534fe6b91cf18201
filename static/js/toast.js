// Short messages: from the server (event "sentra:toast" in HX-Trigger, {message, detail, tone}), or
// when a request fails altogether. Errors stay until they are closed.
const SHOWN_MS = 5000;
const SHOWN_MAX = 4;

export function toast({ message, detail = "", tone = "info" }) {
  const region = document.getElementById("toasts");
  const template = document.getElementById("toast-template");
  const element = template.content.querySelector(`[data-tone="${tone}"]`).cloneNode(true);
  element.querySelector(".toast-message").textContent = message;
  const more = element.querySelector(".toast-detail");
  more.textContent = detail;
  more.hidden = !detail;
  element.querySelector(".toast-close").addEventListener("click", () => element.remove());
  // The last one shown in the browser's top layer lies above an open dialog.
  if (region.matches(":popover-open")) region.hidePopover();
  region.showPopover();
  region.append(element);
  while (region.children.length > SHOWN_MAX) region.firstElementChild.remove();
  if (tone !== "bad") setTimeout(() => element.remove(), SHOWN_MS);
}

const words = () => document.getElementById("toasts").dataset;

document.addEventListener("sentra:toast", (event) => toast(event.detail));
document.addEventListener("htmx:sendError", (event) => {
  if (isPolling(event)) return;
  toast({ message: words().offline, tone: "bad" });
});
document.addEventListener("htmx:responseError", (event) => {
  const xhr = event.detail.xhr;
  if (isPolling(event) || xhr.getResponseHeader("HX-Trigger")) return;
  toast({ message: words().failed, detail: `HTTP ${xhr.status}`, tone: "bad" });
});

// What the page asks for by itself is not worth a message each time: its own state shows it.
function isPolling(event) {
  return /every|sentra:wake/.test(event.detail.elt?.getAttribute?.("hx-trigger") ?? "");
}
