"use strict";
// Beside each formatted text: take a design to begin with, or keep what is written as one.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-designs]");
  if (!box) return;
  const dialog = box.querySelector("dialog");
  const list = box.querySelector("[data-designs-list]");
  let text;

  const subjectOf = (area) => document.querySelector(`[name="${area.name.replace("html", "subject")}"]`);
  const write = (field, value) => {
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const open = async (area) => {
    text = area;
    dialog.showModal();
    try {
      const answer = await fetch(box.dataset.designs, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.status);
      list.innerHTML = await answer.text();
    } catch {
      list.textContent = box.dataset.failed;
    }
  };
  const keep = async (area) => {
    const name = window.prompt(box.dataset.name);
    if (!name) return;
    const data = new FormData();
    data.set("name", name);
    data.set("subject", subjectOf(area)?.value || "");
    data.set("body", area.value);
    data.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    let words = box.dataset.failed;
    try {
      const answer = await fetch(box.dataset.keep, { method: "POST", body: data, credentials: "same-origin" });
      if (answer.ok || answer.status === 400) words = await answer.text();
    } catch { /* said below */ }
    window.alert(words);
  };

  for (const area of document.querySelectorAll("textarea[name=html], textarea[name^=html_]")) {
    const verbs = document.createElement("p");
    verbs.className = "design-verbs";
    for (const [words, act] of [[box.dataset.take, open], [box.dataset.save, keep]]) {
      const verb = document.createElement("button");
      verb.type = "button";
      verb.textContent = words;
      verb.addEventListener("click", () => act(area));
      verbs.append(verb);
    }
    area.closest("[data-palette]").before(verbs);
  }
  box.querySelector("[data-designs-close]").addEventListener("click", () => dialog.close());
  list.addEventListener("click", (event) => {
    const design = event.target.closest("[data-design]");
    if (!design || (text.value.trim() && !window.confirm(box.dataset.sure))) return;
    write(text, design.dataset.body);
    const subject = subjectOf(text);
    if (subject && !subject.value) write(subject, design.dataset.subject);
    dialog.close();
  });
});
