// data-theme-form: shows the chosen theme at once; the form keeps it for the next page.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const chosen = event.submitter?.value;
  if (!form.matches("[data-theme-form]") || !chosen) return;
  event.preventDefault();
  document.documentElement.dataset.bsTheme = chosen;
  for (const button of document.querySelectorAll("[data-theme-form] button")) {
    button.setAttribute("aria-pressed", String(button.value === chosen));
  }
  const body = new FormData(form, event.submitter);
  fetch(form.action, { method: "POST", body, redirect: "manual" });
  document.dispatchEvent(new CustomEvent("sentra:theme"));
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  document.dispatchEvent(new CustomEvent("sentra:theme")),
);
