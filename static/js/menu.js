// data-menu (<details>): closes on Escape, on a click elsewhere and when something in it was chosen.
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
