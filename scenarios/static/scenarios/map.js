"use strict";
// The map of a scenario. The server draws it; this file opens forms, posts edits and puts the answer in its place.
document.addEventListener("DOMContentLoaded", () => {
  const drawer = document.getElementById("drawer");
  const ask = document.getElementById("ask");
  const verb = document.getElementById("verb");
  const toast = document.getElementById("toast");
  const map = () => document.getElementById("map");

  // Small things ------------------------------------------------------------------------------------------------

  let hiding;
  const say = (words) => {
    toast.textContent = words;
    toast.hidden = false;
    clearTimeout(hiding);
    hiding = setTimeout(() => { toast.hidden = true; }, 6000);
  };

  const confirmed = (question) => new Promise((resolve) => {
    ask.querySelector("p").textContent = question;
    ask.returnValue = "no";
    ask.addEventListener("close", () => resolve(ask.returnValue === "yes"), { once: true });
    ask.showModal();
  });

  // A click beside a dialog closes it.
  for (const dialog of [drawer, ask, verb]) {
    dialog?.addEventListener("mousedown", (event) => {
      if (event.target === dialog) dialog.close("no");
    });
  }

  const csrf = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;

  // The map -----------------------------------------------------------------------------------------------------

  const request = async (body) => {
    let answer;
    try {
      answer = await fetch(map().dataset.url, body && { method: "POST", body, headers: { "X-CSRFToken": csrf() } });
    } catch {
      say(toast.dataset.unreachable);
      return;
    }
    const text = await answer.text();
    if (answer.ok && !answer.redirected) {
      const scrolled = document.querySelector(".map-scroll").scrollLeft;
      map().outerHTML = text;
      prepare();
      document.querySelector(".map-scroll").scrollLeft = scrolled;
    } else {
      const plain = (answer.headers.get("Content-Type") || "").startsWith("text/plain");
      say(plain ? text : toast.dataset.failed);
      if (body) await request();
    }
  };

  const edit = (fields) => request(new URLSearchParams(fields));

  const prepare = () => {
    const scroll = document.querySelector(".map-scroll");
    scroll.scrollLeft = (scroll.scrollWidth - scroll.clientWidth) / 2;
    if (!("editable" in map().dataset)) return;
    for (const list of document.querySelectorAll(".steps")) {
      new Sortable(list, {
        // The cards stay where they are while one is carried: it is dropped on a "+", see below.
        group: { name: "steps", put: false },
        sort: false,
        draggable: ".slot",
        handle: ".card",
        // Our own ghost: the browser's own drag image cannot be styled and differs between systems.
        forceFallback: true,
        fallbackOnBody: true,
        fallbackTolerance: 6,
        delay: 150,
        delayOnTouchOnly: true,
        scroll: true,
        bubbleScroll: true,
        onStart: (event) => carry(event.item),
        onEnd: (event) => drop(event.item),
      });
    }
  };

  // Dragging: the "+" nearest to the pointer takes the card ------------------------------------------------------

  const REACH = 140; // pixels
  let carried;
  let target;

  const aim = (event) => {
    const at = event.touches ? event.touches[0] : event;
    let nearest = REACH;
    let found;
    for (const plus of document.querySelectorAll(".plus")) {
      // A fork never goes into its own branches.
      if (carried.querySelector(".fork")?.contains(plus)) continue;
      const box = plus.getBoundingClientRect();
      const away = Math.hypot(at.clientX - box.left - box.width / 2, at.clientY - box.top - box.height / 2);
      if (away < nearest) [nearest, found] = [away, plus];
    }
    if (found === target) return;
    target?.classList.remove("is-target");
    found?.classList.add("is-target");
    target = found;
  };

  const carry = (slot) => {
    carried = slot;
    target = undefined;
    map().classList.add("is-dragging");
    document.addEventListener("pointermove", aim);
    document.addEventListener("touchmove", aim);
  };

  const drop = (slot) => {
    document.removeEventListener("pointermove", aim);
    document.removeEventListener("touchmove", aim);
    map().classList.remove("is-dragging");
    if (!target) return;
    const place = new URLSearchParams(target.querySelector("button").dataset.query);
    target.classList.remove("is-target");
    const siblings = [...slot.parentElement.children].filter((child) => child.classList.contains("slot"));
    const from = siblings.indexOf(slot);
    let position = Number(place.get("position"));
    if (place.get("branch") === slot.parentElement.dataset.branch) {
      // Counted among the other steps, as the server does; the two places beside the card are where it is.
      if (position === from || position === from + 1) return;
      if (position > from) position -= 1;
    }
    edit({ verb: "move-step", id: slot.dataset.step, branch: place.get("branch"), position });
  };

  // The drawer --------------------------------------------------------------------------------------------------

  const open = (address) => {
    drawer.querySelector("iframe").src = address;
    drawer.showModal();
  };

  drawer?.addEventListener("close", () => { drawer.querySelector("iframe").src = "about:blank"; });

  window.addEventListener("message", (event) => {
    if (event.origin !== window.location.origin || !event.data.part) return;
    drawer.close();
    // Conditions are saved one by one while the drawer stays open: a closed drawer may have changed them.
    request();
  });

  // The menus of types ------------------------------------------------------------------------------------------

  let query = "";
  const unfoldMenu = (button) => {
    const menu = document.getElementById(button.dataset.menu);
    query = button.dataset.query;
    menu.showPopover();
    const at = button.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - menu.offsetWidth / 2), innerWidth - menu.offsetWidth - 8);
    const below = at.bottom + 6 + menu.offsetHeight < innerHeight;
    menu.style.left = `${left}px`;
    menu.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - 6 - menu.offsetHeight)}px`;
    menu.querySelector("button").focus();
  };

  document.addEventListener("click", async (event) => {
    const at = (selector) => event.target.closest(selector);
    const opener = at("[data-open]");
    if (opener) open(opener.dataset.open);
    const menu = at("[data-menu]");
    if (menu) unfoldMenu(menu);
    const type = at("[data-type]");
    if (type) {
      type.closest("[popover]").hidePopover();
      open(`${type.dataset.type}?_popup=1&${query}`);
    }
    const tool = at("[data-verb]");
    if (tool && (!tool.dataset.ask || (await confirmed(tool.dataset.ask)))) {
      const { verb: name, id, position } = tool.dataset;
      edit({ verb: name, id, ...(position === undefined ? {} : { position }) });
    }
  });

  // Publish, pause, archive …: the server's question in a dialog ------------------------------------------------

  document.addEventListener("click", async (event) => {
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
    if (event.target.closest("[data-cancel]") && verb.open) {
      event.preventDefault();
      verb.close();
    }
  });

  if (map()) prepare();
});
