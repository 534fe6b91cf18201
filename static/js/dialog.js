// data-dialog="ID" opens that <dialog>; data-dialog-close closes the one around it; a click beside it
// closes it too. A dialog that arrives by htmx with data-dialog-open opens itself, and goes when closed.
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener) {
    event.preventDefault();
    opener.closest("details[open]")?.removeAttribute("open");
    document.getElementById(opener.dataset.dialog)?.showModal();
  } else if (event.target.closest?.("[data-dialog-close]")) {
    event.target.closest("dialog")?.close();
  } else if (event.target instanceof HTMLDialogElement && isBeside(event)) {
    event.target.close();
  }
});

function isBeside(event) {
  const box = event.target.getBoundingClientRect();
  const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  return !inside;
}

function openArrived(root) {
  const arrived = [root, ...(root.querySelectorAll?.("dialog[data-dialog-open]") ?? [])];
  for (const dialog of arrived) {
    if (!(dialog instanceof HTMLDialogElement) || dialog.dataset.dialogOpen === undefined || dialog.open) continue;
    dialog.showModal();
    dialog.addEventListener("close", () => dialog.remove(), { once: true });
  }
}

document.addEventListener("htmx:load", (event) => openArrived(event.detail.elt));
document.addEventListener("sentra:close-dialogs", () => {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
});
openArrived(document);
