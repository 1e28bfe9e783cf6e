"""The wire: one event loop in a thread of its own, on which a process makes all its calls to providers.

It lives as long as the process, and with it the connections: the next batch finds them open. Answers are handed back
to whoever launched the calls; nothing here touches the database.
"""

import asyncio
import atexit
import os
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")

# Threads for providers' libraries that block.
THREADS = 200


class Wire:
    """The loop, and how many calls are in flight for whom."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, "blocking-call"))
        self._flying: Counter[Hashable] = Counter()
        self._lock = threading.Lock()
        threading.Thread(target=self._loop.run_forever, name="wire", daemon=True).start()

    def room(self, who: Hashable, most: int) -> int:
        """How many more calls `who` may have in flight, of `most`."""
        with self._lock:
            return max(0, most - self._flying[who])

    def launch(
        self, who: Hashable, call: Callable[[], Awaitable[Result]], delay: float, done: Callable[[Result], None]
    ) -> None:
        """Makes the call after so many seconds and gives its result to `done`, on the loop's thread.

        The call must not raise. It counts as being in flight from now on.
        """
        with self._lock:
            self._flying[who] += 1
        at = time.monotonic() + delay

        async def fly() -> None:
            try:
                if (wait := at - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                result = await call()
            finally:
                with self._lock:
                    self._flying[who] -= 1
            done(result)

        asyncio.run_coroutine_threadsafe(fly(), self._loop)

    def run(self, awaitable: Any) -> Any:
        """Waits for one coroutine."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(awaitable, self._loop)
        return future.result()

    async def _hang_up(self) -> None:
        await asyncio.gather(*(close() for close in _closers), return_exceptions=True)

    def close(self) -> None:
        """Closes what is open; at the end of the process."""
        if self.pid == os.getpid():
            with suppress(TimeoutError, RuntimeError):
                asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(1)


_closers: list[Callable[[], Awaitable[None]]] = []
_wire: Wire | None = None
_making = threading.Lock()


def wire() -> Wire:
    """This process's wire; a fork makes its own."""
    global _wire
    with _making:
        if _wire is None or _wire.pid != os.getpid():
            _wire = Wire()
            _closers.clear()
            atexit.register(_wire.close)
        return _wire


def at_end(close: Callable[[], Awaitable[None]]) -> None:
    """Has something closed at the end of the process."""
    _closers.append(close)
