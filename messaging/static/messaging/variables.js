"use strict";
// Under the choice of a template of WhatsApp: what it says, and a line for each of its variables.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("[data-template-of]")) {
    const select = document.querySelector(`[name="${box.dataset.templateOf}"]`);
    const known = JSON.parse(box.querySelector("script").textContent);
    const rows = [...box.querySelectorAll("[data-row]")];
    if (!select) continue;

    const fill = () => {
      const template = known[select.value];
      const words = box.querySelector("[data-words]");
      const replies = box.querySelector("[data-replies]");
      words.textContent = template ? template.body : "";
      replies.textContent = template && template.replies.length ? `${replies.dataset.label} ${template.replies.join(" · ")}` : "";
      if (!template && select.value) return;
      const names = template ? Object.keys(template.variables) : [];
      const said = Object.fromEntries(rows.map((row) => [row.querySelector("input[type=hidden]").value, row.querySelector("input:not([type=hidden])").value]));
      rows.forEach((row, place) => {
        const name = names[place] || "";
        const text = row.querySelector("input:not([type=hidden])");
        row.hidden = !name;
        row.querySelector("input[type=hidden]").value = name;
        row.querySelector("[data-name]").textContent = name;
        text.value = (name && said[name]) || "";
        text.placeholder = name ? template.variables[name] : "";
      });
    };
    select.addEventListener("change", fill);
    fill();
  }
});
