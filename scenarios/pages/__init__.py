"""Pages for clients: signing up (contract §4)."""
