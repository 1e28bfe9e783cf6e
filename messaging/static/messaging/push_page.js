// The button of /push/<token>/: asks the browser, subscribes, tells the server.
"use strict";

(() => {
  const main = document.querySelector("main");
  const button = document.querySelector("button");
  const show = (name) => {
    for (const part of document.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== name;
  };
  const bytes = (text) => {
    const padded = text + "=".repeat((4 - (text.length % 4)) % 4);
    return Uint8Array.from(atob(padded.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  };
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    show("impossible");
    return;
  }
  show("ask");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      if ((await Notification.requestPermission()) !== "granted") {
        show("refused");
        return;
      }
      await navigator.serviceWorker.register("/push/worker.js", { scope: "/push/" });
      const worker = await navigator.serviceWorker.ready;
      const subscription = await worker.pushManager.subscribe({
        userVisibleOnly: true,
        applicationServerKey: bytes(main.dataset.key),
      });
      const answer = await fetch(location.pathname, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(subscription),
      });
      show(answer.ok ? "done" : "failed");
    } catch {
      show("failed");
    } finally {
      button.disabled = false;
    }
  });
})();
