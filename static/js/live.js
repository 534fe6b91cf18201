// <body data-live="/stream">: server-sent events that only wake. Each message with data "sales" fires
// "sentra:wake" and "sentra:wake-sales" on <body>; fragments fetch themselves again with
// hx-trigger="sentra:wake-sales from:body". A burst wakes once; a hidden page wakes when it is seen.
const BURST_MS = 250;
const RETRY_MS = 5000;

const url = document.body.dataset.live;
const topics = new Set();
let timer = 0;

function wakeSoon(topic) {
  topics.add(topic);
  if (document.hidden || timer) return;
  timer = setTimeout(wake, BURST_MS);
}

function wake() {
  timer = 0;
  for (const topic of topics) {
    if (topic) document.body.dispatchEvent(new CustomEvent(`sentra:wake-${topic}`, { bubbles: true }));
  }
  topics.clear();
  document.body.dispatchEvent(new CustomEvent("sentra:wake", { bubbles: true }));
}

function show(isLive) {
  for (const element of document.querySelectorAll("[data-live-state]")) element.hidden = !isLive;
}

function listen() {
  const source = new EventSource(url);
  let wasLost = false;
  source.addEventListener("open", () => {
    show(true);
    if (wasLost) wakeSoon("");
  });
  source.addEventListener("message", (event) => wakeSoon(event.data.trim()));
  source.addEventListener("error", () => {
    show(false);
    wasLost = true;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && topics.size) wake();
});
if (url) listen();
