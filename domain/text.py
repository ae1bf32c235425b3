"""Text from outside, made fit for journal, log and screen: bounded, printable, without secrets. Pure.

Venues, and whoever speaks in their place, may say anything at any length: terminal escapes, letters that turn
the line around, 20 MB of HTML, our own token as an echo. What comes in through here costs 200 characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b

MOST_CHARACTERS = 200
MOST_BYTES = 256  # of raw bytes that are kept to show what came

_CUT = "…"
_SECRET = "[secret]"
_LOOKED_AT = 8  # times as many characters as may be shown: what is blanked makes room for more
# Greedy up to the next space or quote: a token that is cut, wrapped or escaped is a token yet.
_SECRETS = re.compile(
    r"-----BEGIN[A-Z0-9 ]*PRIVATE KEY.*?(?:-----END[A-Z0-9 ]*PRIVATE KEY-*|\Z)"
    r"|(?<=bearer)(?:\s|%20|\+|:|\\[nrt]|\\x[0-9a-f]{2}|[\"'])+[^ \"',;<>]+"
    r"|eyJ[^ \"',;<>]*",
    re.DOTALL | re.IGNORECASE,
)


def bounded(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return `text` as a person may see it, at most `most` characters, "…" at the end of what was cut.

    Control characters, terminal escapes and letters that turn or join others are shown as Python would write
    them. Bearer tokens, JSON web tokens and private keys become "[secret]".
    """
    if len(text) <= most and text.isascii() and text.isprintable() and not _SECRETS.search(text):
        return text
    looked_at = text[: most * _LOOKED_AT]
    shown = _SECRETS.sub(_blank, "".join(map(_visible, looked_at)))
    if len(shown) <= most and len(looked_at) == len(text):
        return shown
    return shown[: most - 1] + _CUT


def bounded_id(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return an id or a name of the venue's: as it is, unless it could do harm.

    One that is too long or not plain keeps apart from all others by a digest, and is never equal to one of ours.
    """
    shown = bounded(text, most)
    if shown == text:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{bounded(text, most - len(digest) - 1)}#{digest}"


def bounded_bytes(raw: bytes, most: int = MOST_BYTES) -> bytes:
    """Return the first bytes of what came, to show what it was; without secrets, also where one is cut."""
    looked_at = raw[: most * _LOOKED_AT].decode("utf-8", "surrogateescape")
    return _SECRETS.sub(_blank, looked_at).encode("utf-8", "surrogateescape")[:most]


def _blank(found: re.Match[str]) -> str:
    return f" {_SECRET}" if found[0][:1].isspace() else _SECRET


@lru_cache(2048)  # a text has far fewer different letters than letters
def _visible(letter: str) -> str:
    if letter.isprintable() and not unicodedata.combining(letter):
        return letter
    return ascii(letter)[1:-1]
