"use strict";
// The tree of conditions. The server draws it; this file opens forms, posts edits and puts the answer in its place.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector(".rule-box");
  if (!box) return;
  const { ask, confirmed, open, unfold } = window.drawer;
  const menu = document.getElementById("rule-menu");
  const url = box.dataset.rule;

  const changed = () => document.dispatchEvent(new CustomEvent("rule:changed"));

  const request = async (body) => {
    const key = document.activeElement?.dataset.key;
    const text = await ask(url, body);
    if (text === undefined) {
      if (body) await request();
      return;
    }
    document.getElementById("rule").innerHTML = text;
    // The keyboard stays where it was; what is gone leaves it to the outermost group.
    if (body) {
      const control = key && box.querySelector(`[data-key="${key}"]`);
      (control || box.querySelector(".rule-add button"))?.focus();
      box.querySelector(".rule-said").textContent = box.querySelector(".rule-said").dataset.saved;
    }
    changed();
  };

  const edit = (fields) => request(new URLSearchParams(fields));

  // A condition chosen for a part that is not saved yet: the part is saved first, then its form comes back.
  const saveFirst = (type) => {
    const form = document.getElementById(box.dataset.form);
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "_condition", value: type });
    form.append(field);
    form.requestSubmit();
  };

  let into = "";

  document.addEventListener("click", async (event) => {
    const at = (selector) => event.target.closest(selector);
    const line = at("[data-edit]");
    if (line) open(line.dataset.edit);
    const plus = at("[data-add-to]");
    if (plus) {
      into = plus.dataset.addTo;
      find("");
      unfold(menu, plus);
    }
    const type = at("[data-add]");
    if (type) {
      menu.hidePopover();
      if (box.dataset.form) saveFirst(type.dataset.add);
      else open(`${type.dataset.add}&into=${into}`);
    }
    const tool = at(".rule-box [data-verb]");
    if (tool && (!tool.dataset.ask || (await confirmed(tool.dataset.ask)))) {
      const { verb, id, into: group } = tool.dataset;
      edit({ verb, ...(id && { id }), ...(group && { into: group }) });
    }
  });

  document.addEventListener("change", (event) => {
    const mode = event.target.closest("[data-mode]");
    if (mode) edit({ verb: "mode", into: mode.dataset.mode, mode: mode.value });
  });

  // The menu: only what contains the words that are typed.
  const find = (words) => {
    const wanted = words.trim().toLowerCase();
    menu.querySelector("input").value = words;
    let any = false;
    for (const group of menu.querySelectorAll(".rule-menu-group")) {
      let shown = false;
      for (const button of group.querySelectorAll("button")) {
        button.hidden = !button.textContent.toLowerCase().includes(wanted);
        shown ||= !button.hidden;
      }
      group.hidden = !shown;
      any ||= shown;
    }
    menu.querySelector(".rule-menu-none").hidden = any;
  };

  menu?.querySelector("input").addEventListener("input", (event) => find(event.target.value));

  menu?.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const items = [...menu.querySelectorAll("button")].filter((button) => button.checkVisibility());
    if (step) {
      event.preventDefault();
      items[(items.indexOf(document.activeElement) + step + items.length) % items.length]?.focus();
    } else if (event.key === "Enter" && event.target.matches("input")) {
      event.preventDefault();
      items[0]?.click();
    }
  });

  if (url) document.addEventListener("drawer:closed", () => request());
  if (box.dataset.openFirst) open(box.dataset.openFirst);
});
