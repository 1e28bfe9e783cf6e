"use strict";
// Under the form of a message: how a client would get what is typed, a moment after it was typed; and tests of it.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-preview]");
  const form = box && document.getElementById(box.dataset.form);
  const shown = box && box.querySelector("[data-shown]");
  let waiting, asked = 0, place = "0";

  const ask = async (url, more = {}) => {
    const mine = ++asked;
    const data = new FormData(form);
    const who = box.querySelector("[data-who]");
    if (who) data.set("who", who.value);
    data.set("place", place);
    for (const [name, value] of Object.entries(more)) data.set(name, value);
    try {
      const answer = await fetch(url, { method: "POST", body: data, credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      if (mine === asked) show(text);
    } catch {
      if (mine === asked) shown.textContent = box.dataset.failed;
    }
  };
  const show = (text) => {
    shown.innerHTML = text;
    const state = shown.querySelector("[data-state]");
    const open = shown.querySelector("[data-place][aria-selected=true]");
    place = open ? open.dataset.place : "0";
    box.querySelector("[data-address]").placeholder = state.dataset.addressLabel;
    const client = box.querySelector("[data-send-client]");
    if (client) client.hidden = !("chosen" in state.dataset);
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => ask(box.dataset.preview), 400);
  };

  if (box) {
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    box.addEventListener("input", (event) => { if (!event.target.matches("[data-address]")) soon(); });
    box.addEventListener("click", (event) => {
      const tab = event.target.closest("[data-place]");
      const address = box.querySelector("[data-address]").value;
      if (tab) {
        place = tab.dataset.place;
        ask(box.dataset.preview);
      } else if (event.target.closest("[data-send-test]")) {
        ask(box.dataset.test, { address });
      } else if (event.target.closest("[data-send-client]") && window.confirm(box.dataset.sure)) {
        ask(box.dataset.test, { to_client: "1" });
      }
    });
    soon();
  }
});
