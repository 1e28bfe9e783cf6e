"""A process of its own that works off whatever is due, in small batches, until it is killed or nothing is left."""

import os
import sys

import django
from django.utils import timezone


def main(batch: int) -> None:
    # After django.setup(): the engine's modules need the apps.
    from messaging.services import outbox
    from scenarios.engine.advance import advance_due
    from scenarios.engine.clocks import fire_due
    from scenarios.engine.listen import read_events

    print("ready", flush=True)  # noqa: T201 (the test waits for this line)
    sys.stdin.readline()  # for its start signal
    while True:
        now = timezone.now()
        if not (read_events(now, batch) + fire_due(now, batch) + advance_due(now, batch) + outbox.send_due(now)):
            return


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    main(int(sys.argv[1]))
