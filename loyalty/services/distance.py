"""Great-circle distance, as SQL: written once, for stores, clients and whatever else has coordinates."""

# Twice the mean radius of the Earth (IUGG), metres.
DIAMETER = "12742017.6"
# A degree of latitude is never shorter than this, metres: what is farther apart in latitude alone needs no sines.
DEGREE = "110500.0"


def metres(latitude: str, longitude: str, other_latitude: str, other_longitude: str) -> str:
    """The distance of two places on a sphere (haversine), metres; right to 0.5 %. Takes SQL expressions in degrees
    of at most seven decimals."""
    return (
        f"{DIAMETER} * asin(least(1.0, sqrt("
        f"sin(radians(({other_latitude}) - ({latitude})) / 2) ^ 2 + cos(radians({latitude}))"
        f" * cos(radians({other_latitude})) * sin(radians(({other_longitude}) - ({longitude})) / 2) ^ 2)))"
    )


def within(latitude: str, longitude: str, other_latitude: str, other_longitude: str, radius: str) -> str:
    """Whether two places are at most `radius` metres apart; what is far off is told by latitude alone."""
    whole = metres(latitude, longitude, other_latitude, other_longitude)
    return f"(abs(({latitude}) - ({other_latitude})) <= ({radius}) / {DEGREE} AND {whole} <= ({radius}))"
