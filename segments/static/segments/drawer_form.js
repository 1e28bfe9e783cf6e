"use strict";
// A part's form inside the drawer.
{
  const close = () => window.parent.postMessage({ part: "closed" }, window.location.origin);

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) close();
  });

  document.addEventListener("keydown", (event) => {
    // What is open inside the form closes first.
    if (event.key === "Escape" && !document.querySelector(".select2-container--open, dialog[open], :popover-open")) close();
  });

  // The first field is ready to be typed into.
  window.addEventListener("load", () => {
    const first = document.querySelector("form .field-row input:not([type=hidden]), fieldset textarea, fieldset input:not([type=hidden])");
    if (first && !document.querySelector(".errorlist")) first.focus({ preventScroll: true });
  });
}
