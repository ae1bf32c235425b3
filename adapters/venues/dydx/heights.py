"""Which blocks are new. Pure.

A block proves the stream alive only if it is higher than all before it, so one absurd height would end the stream:
no number counts by itself that is far above, nor one that is below what an earlier connection told. Two that follow
each other do.
"""

from __future__ import annotations

_JUMP = 60  # blocks: about a minute of them


class Heights:
    """The heights of one chain, as one connection after another tells them."""

    def __init__(self) -> None:
        self._newest = 0
        self._is_told_here = False  # on this connection
        self._candidate = 0  # a height that the next one may prove

    def restart(self) -> None:
        """Begin with a new connection: what the last one told is no more than a hint."""
        self._is_told_here, self._candidate = False, 0

    def is_jump(self, height: int) -> bool:
        """Tell whether a height is too far above to be believed by itself."""
        return bool(self._newest) and height > self._newest + _JUMP

    def is_new(self, height: int) -> bool:
        """Take the height of the next block. False: an indexer that repeats itself, or a number to be proven yet."""
        is_next = not self._newest or self._newest < height <= self._newest + _JUMP
        if not is_next and (height > self._newest or not self._is_told_here):
            is_next = bool(self._candidate) and self._candidate < height <= self._candidate + _JUMP
        if is_next:
            self._newest, self._is_told_here, self._candidate = height, True, 0
        else:
            self._candidate = height
        return is_next
