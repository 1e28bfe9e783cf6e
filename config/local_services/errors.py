"""What goes wrong around the embedded services, told in one line."""

import shutil
from pathlib import Path


class LocalServiceError(Exception):
    """An embedded service cannot run; the message is one line fit for a terminal."""


def need_space(folder: Path, megabytes: int) -> None:
    """Refuses early where the disk is (nearly) full: a half-made data folder is worse than none."""
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < megabytes:
        raise LocalServiceError(f"The disk is full: {folder} has {free} MB free, {megabytes} MB are needed")


def reason(output: str) -> str:
    """The one line of a server's output that says why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("No space left on device" in line for line in lines):
        return "the disk is full (no space left on device)"
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror:", "could not"))]
    return (telling or lines or ["it gave no reason"])[-1]
