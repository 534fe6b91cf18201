// data-menu (<details>): closes on Escape, on a click elsewhere and when something in it was chosen.
// One that would leave the window at the left hangs from its other edge.
const EDGE_PX = 8;

document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLDetailsElement) || menu.dataset.menu === undefined || !menu.open) return;
    if (menu.querySelector(".menu-list").getBoundingClientRect().left < EDGE_PX) menu.classList.replace("menu-right", "menu-left");
  },
  true, // toggle does not bubble
);

const opened = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of opened()) {
    const chose = event.target.closest?.(".menu-item");
    if (!menu.contains(event.target) || chose) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of opened()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
