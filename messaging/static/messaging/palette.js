"use strict";
// A click on a variable of the palette puts it where the caret is.
document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-insert]");
  if (!chip) return;
  const text = chip.closest("[data-palette]").querySelector("textarea, input");
  text.setRangeText(chip.dataset.insert, text.selectionStart, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
});
// Safari and Chromium take the focus off the field at mousedown; the palette of a line would close under the click.
document.addEventListener("mousedown", (event) => {
  if (event.target.closest("[data-insert]")) event.preventDefault();
});
