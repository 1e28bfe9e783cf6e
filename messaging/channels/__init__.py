"""Channels: how a message leaves. One file per channel (docs/adding-a-channel.md)."""

from messaging.channels.base import Answer, Channel
from messaging.channels.memory import Memory
from messaging.channels.registry import channel_of, usual
from messaging.channels.wire import wire

__all__ = ["Answer", "Channel", "Memory", "channel_of", "usual", "wire"]
