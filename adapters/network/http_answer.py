"""One HTTP/1.1 answer out of bytes, or the proof that these bytes are not exactly one answer. Pure.

Stricter than RFC 9112 lets clients be: where one answer ends must be beyond doubt, because the next answer on the
connection begins there, and one byte of doubt gives every later question the answer of another. So no body up to
the end of the connection, no length told twice, no body where none may be, nothing behind the end. Interim
answers (1xx) are skipped; they have no body.
"""

from __future__ import annotations

import re

MAX_HEAD_BYTES = 64 * 1024  # of all heads and trailers together
MAX_BODY_BYTES = 16 * 1024 * 1024  # several times the largest listing that a venue gives

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,12}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_NO_LINE = re.compile(rb"(?<!\r)\n|\0")
_MOST_CHUNK_LINE = 4 * 1024
_BODILESS = (204, 304)
_SWITCHING = 101  # we never asked for another protocol


class NotOneAnswer(Exception):
    """The bytes are not exactly one answer; what they were meant to say can't be known."""


class Answer:
    """The answer to one request, as it arrives.

    Attributes:
        status, headers: once the head is there; names in lower case, repeated ones joined by ", ".
        is_complete: nothing is missing, and nothing more may come.
        is_last: the connection may not be used again.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_complete = False
        self.is_last = False
        self.has_begun = False
        self._held = bytearray()
        self._looked_at = 0  # bytes held in which the end of a head was not found
        self._head_bytes = 0
        self._step = self._head
        self._missing = 0  # bytes of the body, or of this chunk with its line end
        self._body = bytearray()
        self._promised = 0  # bytes of the body, as far as they were announced

    @property
    def body(self) -> bytes:
        return bytes(self._body)

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            NotOneAnswer: no later byte can make it one.
        """
        self.has_begun = True
        self._held += data
        while self._held and self._step():
            pass
        if self.is_complete and self._held:
            raise NotOneAnswer("bytes behind the answer")

    # ---- one step each: True when there may be more to do --------------------------------------------------

    def _head(self) -> bool:
        lines = self._section(b"\r\n\r\n")
        if lines is None:
            return False
        found = _STATUS_LINE.fullmatch(lines[0])
        if found is None:
            raise NotOneAnswer("no status line")
        status, headers = int(found[2]), _fields(lines[1:])
        if status < 200:
            if status == _SWITCHING or "content-length" in headers or "transfer-encoding" in headers:
                raise NotOneAnswer("an interim answer that is none")
            return True
        self.status, self.headers = status, headers
        options = {word.strip().lower() for word in headers.get("connection", "").split(",")}
        self.is_last = found[1] == b"0" or "close" in options
        self._delimit()
        return True

    def _delimit(self) -> None:
        """Find out from the head where the body ends."""
        length, coding = self.headers.get("content-length"), self.headers.get("transfer-encoding")
        if self.status in _BODILESS:
            if coding is not None or (length not in (None, "0") and self.status != 304):
                raise NotOneAnswer("a body where none may be")
            # Some send the body that they announce: late, it would pass for the next question's answer.
            self.is_last = self.is_last or length not in (None, "0")
            self._finish()
        elif coding is not None:
            if length is not None or coding.lower() != "chunked":
                raise NotOneAnswer("no exact length")
            self._step = self._chunk_line
        elif length is None or not _LENGTH.fullmatch(length.encode()):
            raise NotOneAnswer("no exact length")
        else:
            self._expect(int(length))
            self._step = self._counted
            if not self._missing:
                self._finish()

    def _counted(self) -> bool:
        self._take_body()
        if not self._missing:
            self._finish()
        return False

    def _chunk_line(self) -> bool:
        end = self._held.find(b"\r\n")
        if end < 0 or end > _MOST_CHUNK_LINE:
            if len(self._held) > _MOST_CHUNK_LINE:
                raise NotOneAnswer("an endless chunk size")
            return False
        found = _CHUNK_SIZE.fullmatch(self._held[:end])
        if found is None:
            raise NotOneAnswer("no chunk size")
        self._count_head(end - len(found[1]))  # extensions
        del self._held[: end + 2]
        size = int(found[1], 16)
        self._expect(size)
        self._step = self._chunk if size else self._trailers
        return True

    def _chunk(self) -> bool:
        self._take_body()
        if self._missing or len(self._held) < 2:
            return False
        if self._held[:2] != b"\r\n":
            raise NotOneAnswer("a chunk longer than its size")
        del self._held[:2]
        self._step = self._chunk_line
        return True

    def _trailers(self) -> bool:
        if self._held.startswith(b"\r\n"):
            del self._held[:2]
            self._finish()
            return False
        lines = self._section(b"\r\n\r\n")
        if lines is not None:
            _fields(lines)  # nothing in them may be wrong, or be believed
            self._finish()
        return False

    def _finish(self) -> bool:
        self.is_complete = True
        self._step = self._finish
        return False

    # ---- bytes -----------------------------------------------------------------------------------------------

    def _section(self, end: bytes) -> list[bytes] | None:
        """Take the lines up to an empty one; None while it is not there."""
        at = self._held.find(end, max(0, self._looked_at - len(end)))
        size = len(self._held) if at < 0 else at
        if self._head_bytes + size > MAX_HEAD_BYTES:
            raise NotOneAnswer("an endless head")
        if at < 0:
            # Where lines end in another way, the end would never come.
            if _NO_LINE.search(self._held, self._looked_at):
                raise NotOneAnswer("no line of a head")
            self._looked_at = size
            return None
        lines = bytes(self._held[:at]).split(b"\r\n")
        del self._held[: at + len(end)]
        self._looked_at = 0
        self._count_head(size)
        return lines

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise NotOneAnswer("an endless head")

    def _expect(self, size: int) -> None:
        self._missing = size
        self._promised += size
        if self._promised > MAX_BODY_BYTES:
            raise NotOneAnswer("a body over the limit")

    def _take_body(self) -> None:
        piece = self._held[: self._missing]
        del self._held[: len(piece)]
        self._missing -= len(piece)
        self._body += piece


def _fields(lines: list[bytes]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise NotOneAnswer("no header line")
        name, value = found[1].decode("ascii").lower(), found[2].decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
