"""What shops send, normalised to one vocabulary of facts at the edge (architecture §2)."""
