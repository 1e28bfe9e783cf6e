"""The programme's settings, as one row that is always there."""

from loyalty.models import Programme


def current() -> Programme:
    """The programme; created with its defaults where nobody has saved it yet."""
    programme, _ = Programme.objects.get_or_create(pk=1)
    return programme
