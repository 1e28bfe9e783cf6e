"""The engine: enrols clients, advances their runs. One engine for every kind of scenario (architecture §2)."""
