"""How far a long command is: a bar in a terminal, a plain line now and then anywhere else."""

import time

from django.core.management.base import OutputWrapper

WIDTH = 30  # characters of the bar
EVERY = {True: 0.2, False: 10.0}  # seconds between two drawings: in a terminal, elsewhere


class Progress:
    """One phase of a command. `what` are the things counted ("lines")."""

    def __init__(self, out: OutputWrapper, label: str, what: str) -> None:
        self._out = out
        self._label = label
        self._what = what
        self._terminal = out.isatty()
        self._began = self._drawn = time.monotonic()

    def update(self, done: int, share: float) -> None:
        """`done` things are done, `share` (0 to 1) of all."""
        moment = time.monotonic()
        if moment - self._drawn >= EVERY[self._terminal] and share < 1:
            self._drawn = moment
            self._draw(done, share, moment - self._began)

    def finish(self, done: int) -> None:
        """All is done."""
        self._draw(done, 1.0, time.monotonic() - self._began)
        if self._terminal:
            self._out.write("")

    def _draw(self, done: int, share: float, seconds: float) -> None:
        rate = done / seconds if seconds else 0.0
        left = f"{seconds / share - seconds:,.0f} s left" if 0 < share < 1 else f"{seconds:,.1f} s"
        text = f"{self._label}: {done:,} {self._what} · {share:.0%} · {rate:,.0f}/s · {left}"
        if not self._terminal:
            self._out.write(text)
            return
        filled = round(WIDTH * share)
        self._out.write(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {text}\x1b[K", ending="")
        self._out.flush()
