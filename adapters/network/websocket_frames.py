"""RFC 6455 frames: server bytes into whole messages, our messages into masked frames. Pure.

One pass over what arrived; a message that is complete in one read is copied once. Refuses what the RFC does
(masks, reserved bits, broken fragments, bad UTF-8), and messages over the limit before they are buffered.
What is legal but no text (a binary or an empty message) is a fault, and the stream goes on.
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.ports import Fault

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

NORMAL_CLOSE = 1000
PROTOCOL_ERROR = 1002
NO_STATUS = 1005  # a close frame without a code; never sent
ABNORMAL_CLOSE = 1006  # the peer vanished without a close frame; never sent
INVALID_TEXT = 1007
TOO_BIG = 1009

MAX_MESSAGE_BYTES = 10 * 1024 * 1024
MAX_FRAGMENTS = 16 * 1024  # of one message: that size in the smallest pieces anybody sends, and then some

_FINAL_TEXT = 0x80 | TEXT  # the first byte of nearly every frame there is
_KEPT_BYTES = 256  # of what is at fault
_FAULTS = {PROTOCOL_ERROR: "protocol", INVALID_TEXT: "utf8", TOO_BIG: "oversize"}


class Split(NamedTuple):
    """What a piece of the byte stream held."""

    messages: list[bytes]  # whole text messages, in order
    replies: list[tuple[int, bytes]]  # (opcode, payload) that the protocol makes us answer, in order
    close_code: int | None  # the stream ends here, by the peer or by our refusal
    faults: list[Fault]  # in order


class _Violation(Exception):
    """The peer broke the protocol.

    Attributes:
        code: to close with.
        raw: what it said.
    """

    def __init__(self, code: int, raw: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.raw = raw[:_KEPT_BYTES]


class FrameSplitter:
    """The receiving half of one connection. Where TCP cut the stream makes no difference."""

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = max_message_bytes
        self._held: list[bytes] = []  # the beginning of an unfinished frame, as it came
        self._held_bytes = 0
        self._needed = 0  # bytes held from which looking at them again makes sense
        self._fragments: list[bytes] = []  # of the unfinished message, but for empty ones
        self._fragments_opcode = CONTINUATION  # of the unfinished message; CONTINUATION = there is none
        self._fragments_bytes = 0
        self._fragments_count = 0  # with the empty ones

    def feed(self, data: bytes) -> Split:
        """Take the next bytes. After a close code nothing more may be fed."""
        split = Split([], [], None, [])
        if self._held:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes < self._needed:
                return split
            data = b"".join(self._held)
            self._held.clear()
        try:
            position, code = self._take(data, split)
        except _Violation as violation:
            code = violation.code
            split.replies.append((CLOSE, code.to_bytes(2, "big")))
            split.faults.append(Fault(_FAULTS[code], violation.raw))
            return split._replace(close_code=code)
        if code is not None:
            return split._replace(close_code=code)
        if position < len(data):
            self._held.append(data[position:])
            self._held_bytes = len(data) - position
        return split

    def _take(self, data: bytes, split: Split) -> tuple[int, int | None]:
        """Take the whole frames; return where the first unfinished one begins, and a close frame's code."""
        messages, limit = split.messages, self._limit
        is_fragmented = self._fragments_opcode != CONTINUATION
        position, end = 0, len(data)
        while end - position >= 2:
            first, length = data[position], data[position + 1]
            start = position + 2
            if length == 126:
                start += 2
                if start > end:
                    self._needed = start - position
                    return position, None
                length = data[position + 2] << 8 | data[position + 3]
            elif length > 126:
                start += 8
                if length > 127:  # a set mask bit
                    raise _Violation(PROTOCOL_ERROR, data[position:])
                if start > end:
                    self._needed = start - position
                    return position, None
                length = int.from_bytes(data[position + 2 : start], "big")
            stop = start + length
            if first == _FINAL_TEXT and stop <= end and length <= limit and not is_fragmented:
                message = data[start:stop]
                if message.isascii() and length:
                    messages.append(message)
                else:
                    _accept(TEXT, message, split)
                position = stop
                continue
            self._check(first, length, data[position : position + _KEPT_BYTES])
            if stop > end:
                self._needed = stop - position
                return position, None
            code = self._unusual(first & 0x0F, first >= 0x80, data[start:stop], split)
            if code is not None:
                return stop, code
            is_fragmented = self._fragments_opcode != CONTINUATION
            position = stop
        self._needed = 2
        return position, None

    def _check(self, first: int, length: int, raw: bytes) -> None:
        """Refuse a header that must not be, before its payload is waited for."""
        opcode, is_final = first & 0x0F, first >= 0x80
        if first & 0x70:
            raise _Violation(PROTOCOL_ERROR, raw)
        if opcode >= CLOSE:
            if opcode > PONG or not is_final or length > 125:
                raise _Violation(PROTOCOL_ERROR, raw)
        elif opcode > BINARY or (opcode == CONTINUATION) != (self._fragments_opcode != CONTINUATION):
            raise _Violation(PROTOCOL_ERROR, raw)  # nothing to continue, or a new message inside another
        elif length + self._fragments_bytes > self._limit or self._fragments_count >= MAX_FRAGMENTS:
            raise _Violation(TOO_BIG, raw)

    def _unusual(self, opcode: int, is_final: bool, payload: bytes, split: Split) -> int | None:
        """Take a frame that is no whole text message; return the code if it closes the stream."""
        if opcode == PING:
            split.replies.append((PONG, payload))
        elif opcode == CLOSE:
            split.replies.append((CLOSE, payload[:2]))
            return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_STATUS
        elif opcode <= BINARY:
            self._fragment(opcode, is_final, payload, split)
        return None

    def _fragment(self, opcode: int, is_final: bool, payload: bytes, split: Split) -> None:
        if is_final and opcode != CONTINUATION:
            _accept(opcode, payload, split)
            return
        if opcode != CONTINUATION:
            self._fragments_opcode = opcode
        if payload:
            self._fragments.append(payload)
        self._fragments_bytes += len(payload)
        self._fragments_count += 1
        if is_final:
            whole, opcode = b"".join(self._fragments), self._fragments_opcode
            self._fragments, self._fragments_opcode = [], CONTINUATION
            self._fragments_bytes = self._fragments_count = 0
            _accept(opcode, whole, split)


def _accept(opcode: int, message: bytes, split: Split) -> None:
    """Add a whole message, or what is wrong with it."""
    if opcode == BINARY:
        split.faults.append(Fault("binary", message[:_KEPT_BYTES]))
        return
    if not message:
        split.faults.append(Fault("empty", b""))
        return
    if not message.isascii():
        try:
            message.decode()
        except UnicodeDecodeError:
            raise _Violation(INVALID_TEXT, message) from None
    split.messages.append(message)


def encode_frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """Return one final, masked frame. `mask` is four random bytes, new for each frame."""
    length = len(payload)
    if length < 126:
        header = bytes((0x80 | opcode, 0x80 | length))
    elif length < 1 << 16:
        header = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    repeated = (mask * (length // 4 + 1))[:length]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return header + mask + masked.to_bytes(length, "big")
