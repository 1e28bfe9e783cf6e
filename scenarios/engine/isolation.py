"""One bad row never blocks its batch (semantics §16): a batch that fails is halved until the culprit is alone."""

import logging
from collections.abc import Callable, Sequence

from django.db import OperationalError, transaction

log = logging.getLogger(__name__)

# Claims rows (all that are due, or only those named), appends their ids to the list, and does the work.
Work = Callable[[Sequence[int] | None, list[int]], None]
Fail = Callable[[int, Exception], None]


def in_isolation(work: Work, fail: Fail) -> int:
    """Does a batch of work in one transaction; returns how many rows it took.

    When it raises, its halves are tried apart, and `fail` is told of the single rows that raise. An
    OperationalError is the database's own trouble: nothing was written, the rows stay due, and it is
    passed on.
    """
    taken: list[int] = []
    try:
        with transaction.atomic():
            work(None, taken)
    except OperationalError:
        raise
    except Exception:
        if not taken:
            raise
        log.exception("a batch failed and is halved", extra={"rows": len(taken)})
        _halve(taken, work, fail)
    return len(taken)


def _halve(ids: Sequence[int], work: Work, fail: Fail) -> None:
    middle = len(ids) // 2
    for part in (ids[:middle], ids[middle:]) if middle else (ids,):
        try:
            with transaction.atomic():
                work(part, [])
        except OperationalError:
            raise
        except Exception as error:
            if len(part) > 1:
                _halve(part, work, fail)
            else:
                fail(part[0], error)
