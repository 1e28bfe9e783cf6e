"use strict";
// What a page with a drawer shares with its scripts: the drawer, questions, words about failures, requests.
window.drawer = (() => {
  const get = (id) => document.getElementById(id);

  let hiding;
  const say = (words) => {
    const toast = get("toast");
    toast.textContent = words;
    toast.hidden = false;
    clearTimeout(hiding);
    hiding = setTimeout(() => { toast.hidden = true; }, 6000);
  };

  const confirmed = (question) => new Promise((resolve) => {
    const ask = get("ask");
    ask.querySelector("p").textContent = question;
    ask.returnValue = "no";
    ask.addEventListener("close", () => resolve(ask.returnValue === "yes"), { once: true });
    ask.showModal();
  });

  const csrf = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;

  // The answer's text; undefined where there was none, which has been said then.
  const ask = async (address, body, headers = {}) => {
    let answer;
    try {
      answer = await fetch(address, { ...(body && { method: "POST", body }), headers: { ...headers, ...(body && { "X-CSRFToken": csrf() }) } });
    } catch {
      say(get("toast").dataset.unreachable);
      return undefined;
    }
    const text = await answer.text();
    if (answer.ok && !answer.redirected) return text;
    const plain = (answer.headers.get("Content-Type") || "").startsWith("text/plain");
    say(plain ? text : get("toast").dataset.failed);
    return undefined;
  };

  const open = (address) => {
    get("drawer").querySelector("iframe").src = address;
    get("drawer").showModal();
  };

  // A menu beside the button that opened it.
  const unfold = (menu, button) => {
    menu.showPopover();
    const at = button.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - menu.offsetWidth / 2), innerWidth - menu.offsetWidth - 8);
    const below = at.bottom + 6 + menu.offsetHeight < innerHeight;
    menu.style.left = `${left}px`;
    menu.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - 6 - menu.offsetHeight)}px`;
    menu.querySelector("input, button").focus();
  };

  document.addEventListener("DOMContentLoaded", () => {
    // A click beside a dialog closes it.
    for (const dialog of document.querySelectorAll("dialog")) {
      dialog.addEventListener("mousedown", (event) => {
        if (event.target === dialog) dialog.close("no");
      });
    }

    // A closed drawer may have changed something: parts of a form are saved one by one while it stays open.
    get("drawer")?.addEventListener("close", () => {
      get("drawer").querySelector("iframe").src = "about:blank";
      document.dispatchEvent(new CustomEvent("drawer:closed"));
    });
  });

  window.addEventListener("message", (event) => {
    if (event.origin === window.location.origin && event.data.part && get("drawer")?.open) get("drawer").close();
  });

  // The server's question in a dialog: publish, pause, apply …
  document.addEventListener("click", async (event) => {
    const verb = get("verb");
    const link = event.target.closest("[data-dialog]");
    if (link && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      const next = encodeURIComponent(window.location.pathname + window.location.search);
      const answer = await fetch(`${link.href}?next=${next}`, { headers: { "X-Requested-With": "fetch" } });
      if (!answer.ok || answer.redirected) {
        window.location = link.href;
        return;
      }
      verb.innerHTML = await answer.text();
      verb.showModal();
    }
    if (event.target.closest("[data-cancel]") && verb?.open) {
      event.preventDefault();
      verb.close();
    }
  });

  return { ask, confirmed, open, say, unfold };
})();
