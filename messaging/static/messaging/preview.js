"use strict";
// Under the form of a message: how a client would get what is typed, a moment after it was typed.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-preview]");
  const form = box && document.getElementById(box.dataset.form);
  const shown = box && box.querySelector("[data-shown]");
  let waiting, asked = 0;

  const ask = async (url) => {
    const mine = ++asked;
    const data = new FormData(form);
    const who = box.querySelector("[data-who]");
    if (who) data.set("who", who.value);
    try {
      const answer = await fetch(url, { method: "POST", body: data, credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      if (mine === asked) shown.innerHTML = text;
    } catch {
      if (mine === asked) shown.textContent = box.dataset.failed;
    }
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => ask(box.dataset.preview), 400);
  };

  if (box) {
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    box.addEventListener("input", soon);
    box.querySelector("[data-send-test]").addEventListener("click", () => ask(box.dataset.test));
    soon();
  }
});
