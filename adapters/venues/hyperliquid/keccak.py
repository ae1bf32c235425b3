"""Keccak-256, as Ethereum hashes: the padding from before SHA-3 was a standard, so `hashlib` has none.

Of safe-pysha3, in C: a microsecond for an action, where pycryptodome takes five, and each signature needs three.
"""

from __future__ import annotations

from sha3 import keccak_256


def keccak(data: bytes) -> bytes:
    """Return the 32 bytes of the hash."""
    digest: bytes = keccak_256(data).digest()
    return digest
