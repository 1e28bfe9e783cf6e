"""Pages for clients: tracked links and opens, unsubscribing (contract §4)."""
