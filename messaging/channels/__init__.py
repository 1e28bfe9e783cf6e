"""Channels: how a message leaves. One file per channel (docs/adding-a-channel.md)."""

from messaging.channels.base import Answer, Channel
from messaging.channels.registry import channel_for

__all__ = ["Answer", "Channel", "channel_for"]
