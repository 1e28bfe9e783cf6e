"use strict";
// The map of a scenario. The server draws it; this file opens forms, posts edits and puts the answer in its place.
document.addEventListener("DOMContentLoaded", () => {
  const { ask, confirmed, open, unfold } = window.drawer;
  const map = () => document.getElementById("map");

  const request = async (body) => {
    const text = await ask(map().dataset.url, body);
    if (text !== undefined) {
      const scrolled = document.querySelector(".map-scroll").scrollLeft;
      map().outerHTML = text;
      prepare();
      document.querySelector(".map-scroll").scrollLeft = scrolled;
    } else if (body) {
      await request();
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

  if (map()) document.addEventListener("drawer:closed", () => request());

  let query = "";

  document.addEventListener("click", async (event) => {
    const at = (selector) => event.target.closest(selector);
    const opener = at("[data-open]");
    if (opener) open(opener.dataset.open);
    const menu = at("[data-menu]");
    if (menu) {
      query = menu.dataset.query;
      unfold(document.getElementById(menu.dataset.menu), menu);
    }
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

  if (map()) prepare();
});
