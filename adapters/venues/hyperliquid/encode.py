"""What we tell and ask Hyperliquid: the texts of its websocket and of its info endpoint. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

PING = '{"method":"ping"}'


def encode_subscribe(channel: str, **parameters: Any) -> str:
    """Subscribe to one channel, which says what it takes: coin, interval, fast, nSigFigs."""
    message = {"method": "subscribe", "subscription": {"type": channel, **parameters}}
    return msgspec.json.encode(message).decode()


def encode_unsubscribe(channel: str, **parameters: Any) -> str:
    """End the subscription that these parameters began."""
    message = {"method": "unsubscribe", "subscription": {"type": channel, **parameters}}
    return msgspec.json.encode(message).decode()


def encode_question(kind: str, **parameters: Any) -> bytes:
    """Ask the info endpoint, by a POST of this body."""
    return msgspec.json.encode({"type": kind, **parameters})
