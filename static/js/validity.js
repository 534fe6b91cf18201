// What a field that is empty or does not fit says, in the reader's language and not the browser's:
// body[data-missing] and body[data-unfit].
document.addEventListener("invalid", ({ target }) => {
  target.setCustomValidity("");
  if (target.validity.valid) return;
  const { missing, unfit } = document.body.dataset;
  target.setCustomValidity(target.validity.valueMissing ? missing : unfit);
}, true);

for (const change of ["input", "change"]) {
  document.addEventListener(change, ({ target }) => target.setCustomValidity?.(""), true);
}
