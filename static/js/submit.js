// <select data-submit>: a choice that is its own form's only field is sent when it is made. Without
// scripts the form has a button for it.
document.addEventListener("change", (event) => {
  const field = event.target.closest?.("[data-submit]");
  field?.form?.requestSubmit();
});
