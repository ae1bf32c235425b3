"""Addresses, as Ethereum has them: 0x and the 40 digits of 20 bytes. We write them small, as the venue echoes them. Pure."""

from __future__ import annotations

import re

from adapters.venues.hyperliquid.keccak import keccak

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def address_of(point: bytes) -> str:
    """Return the address of a public key.

    Args:
        point: its two coordinates, 64 bytes.
    """
    return f"0x{keccak(point)[12:].hex()}"


def parse_address(text: str) -> str:
    """Return an address in small letters.

    Raises:
        ValueError: it is none, or has letters of both sizes in another pattern than its own (EIP-55): a digit is wrong.
    """
    if not _ADDRESS.fullmatch(text):
        raise ValueError("no address: 0x and 40 hex digits")
    digits = text[2:]
    is_checked = digits not in (digits.lower(), digits.upper())
    if is_checked and digits != _checked(digits.lower()):
        raise ValueError("a mistyped address: its capital letters say so")
    return text.lower()


def _checked(digits: str) -> str:
    """Write large what stands where the hash of the small digits has 8 or more."""
    pattern = keccak(digits.encode()).hex()
    return "".join(digit.upper() if mark >= "8" else digit for digit, mark in zip(digits, pattern))
