"""Pages for clients: no login, no JavaScript, in the client's language (contract §4)."""
