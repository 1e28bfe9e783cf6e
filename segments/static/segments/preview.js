"use strict";
// What the conditions find now: drawn by the server, anew after every change of the tree.
document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector(".rule-preview");
  if (!panel) return;
  const found = panel.querySelector(".preview-found");
  const answer = panel.querySelector(".preview-answer");
  const form = panel.querySelector(".preview-why");

  const get = async (address) => {
    try {
      const reply = await fetch(address);
      return reply.ok && !reply.redirected ? await reply.text() : undefined;
    } catch {
      return undefined;
    }
  };

  // An answer that is overtaken by a later question is dropped.
  let asked = 0;
  const look = async () => {
    const mine = ++asked;
    found.querySelector(".preview-count")?.classList.add("is-waiting");
    const text = await get(panel.dataset.url);
    if (mine !== asked) return;
    if (text === undefined) {
      found.textContent = found.dataset.failed;
      return;
    }
    found.innerHTML = text;
    const estimate = found.querySelector("[data-estimate]");
    if (!estimate) return;
    const exact = await get(`${panel.dataset.url}?exact=1`);
    if (mine !== asked || exact === undefined) return;
    estimate.classList.remove("is-estimate");
    estimate.querySelector("strong").textContent = exact;
    estimate.querySelector("[data-note]").remove();
  };

  let about = "";
  const explain = async (who) => {
    about = who;
    const text = await get(`${panel.dataset.why}?who=${encodeURIComponent(who)}`);
    if (about === who) answer.innerHTML = text ?? found.dataset.failed;
  };

  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    explain(form.elements.who.value);
  });

  panel.addEventListener("click", (event) => {
    const one = event.target.closest("[data-who]");
    if (one) explain(one.dataset.who);
  });

  document.addEventListener("rule:changed", () => {
    look();
    if (about) explain(about);
  });
  look();
});
