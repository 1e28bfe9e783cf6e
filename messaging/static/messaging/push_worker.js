// Shows what we push and opens its link. Served as /push/worker.js.
"use strict";

self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data ? event.data.json() : {};
  } catch {
    // Not ours: nothing to show of it.
  }
  event.waitUntil(
    self.registration.showNotification(said.title || "", {
      body: said.body || "",
      tag: said.message ? `message-${said.message}` : undefined,
      data: { url: said.url || "" },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = event.notification.data.url;
  if (url) event.waitUntil(self.clients.openWindow(url));
});
