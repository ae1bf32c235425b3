"""RFC 6455 frames: server bytes into whole messages, our messages into masked frames. Pure.

One pass over what arrived; a message that is complete in one read is copied once. Refuses what the RFC does
(masks, reserved bits, broken fragments, bad UTF-8), and messages over the limit before they are buffered.
"""

from __future__ import annotations

from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

NORMAL_CLOSE = 1000
PROTOCOL_ERROR = 1002
NO_STATUS = 1005  # a close frame without a code; never sent
ABNORMAL_CLOSE = 1006  # the peer vanished without a close frame; never sent
INVALID_TEXT = 1007
TOO_BIG = 1009

MAX_MESSAGE_BYTES = 10 * 1024 * 1024


class Split(NamedTuple):
    """What a piece of the byte stream held."""

    messages: list[bytes]  # whole data messages, in order
    replies: list[tuple[int, bytes]]  # (opcode, payload) that the protocol makes us answer, in order
    close_code: int | None  # the stream ends here, by the peer or by our refusal


class _Violation(Exception):
    """The peer broke the protocol; the argument is the close code."""


class FrameSplitter:
    """The receiving half of one connection. Where TCP cut the stream makes no difference."""

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = max_message_bytes
        self._held = bytearray()  # the beginning of an unfinished frame
        self._needed = 0  # length of `held` from which looking at it again makes sense
        self._fragments: list[bytes] = []
        self._fragments_opcode = CONTINUATION  # of the unfinished message; CONTINUATION = there is none
        self._fragments_bytes = 0

    def feed(self, data: bytes) -> Split:
        """Take the next bytes. After a close code nothing more may be fed."""
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return Split([], [], None)
            data = bytes(self._held)
            self._held.clear()
        messages: list[bytes] = []
        replies: list[tuple[int, bytes]] = []
        position, end = 0, len(data)
        try:
            while position < end:
                header = self._header(data, position, end)
                if header is None:
                    self._needed = end - position + 1
                    break
                opcode, is_final, start, stop = header
                if stop > end:
                    self._needed = stop - position
                    break
                payload = data[start:stop]
                position = stop
                if opcode <= BINARY:
                    message = self._message(opcode, is_final, payload)
                    if message is not None:
                        messages.append(message)
                elif opcode == PING:
                    replies.append((PONG, payload))
                elif opcode == CLOSE:
                    replies.append((CLOSE, payload[:2]))
                    return Split(messages, replies, _close_code(payload))
        except _Violation as violation:
            (code,) = violation.args
            replies.append((CLOSE, code.to_bytes(2, "big")))
            return Split(messages, replies, code)
        self._held += data[position:]
        return Split(messages, replies, None)

    def _header(self, data: bytes, position: int, end: int) -> tuple[int, bool, int, int] | None:
        """Return (opcode, is_final, payload start, payload end), or None while the header is incomplete."""
        if end - position < 2:
            return None
        first, length = data[position], data[position + 1]
        start = position + 2
        if length == 126:
            start += 2
        elif length == 127:
            start += 8
        if start > end:
            return None
        if length in (126, 127):
            length = int.from_bytes(data[position + 2 : start], "big")
        # A set mask bit makes the length 128 or more, without having been extended.
        opcode, is_final = first & 0x0F, first >= 0x80
        if first & 0x70 or data[position + 1] & 0x80:
            raise _Violation(PROTOCOL_ERROR)
        if opcode >= CLOSE:
            if opcode > PONG or not is_final or length > 125:
                raise _Violation(PROTOCOL_ERROR)
        elif opcode > BINARY:
            raise _Violation(PROTOCOL_ERROR)
        elif length + self._fragments_bytes > self._limit:
            raise _Violation(TOO_BIG)
        return opcode, is_final, start, start + length

    def _message(self, opcode: int, is_final: bool, payload: bytes) -> bytes | None:
        """Return the message that this data frame completes, if it does."""
        if (opcode == CONTINUATION) != (self._fragments_opcode != CONTINUATION):
            raise _Violation(PROTOCOL_ERROR)  # nothing to continue, or a new message inside another
        if is_final and opcode != CONTINUATION:
            return _checked(opcode, payload)
        if opcode != CONTINUATION:
            self._fragments_opcode = opcode
        self._fragments.append(payload)
        self._fragments_bytes += len(payload)
        if not is_final:
            return None
        whole, opcode = b"".join(self._fragments), self._fragments_opcode
        self._fragments, self._fragments_opcode, self._fragments_bytes = [], CONTINUATION, 0
        return _checked(opcode, whole)


def _checked(opcode: int, message: bytes) -> bytes:
    if opcode == TEXT and not message.isascii():
        try:
            message.decode()
        except UnicodeDecodeError:
            raise _Violation(INVALID_TEXT) from None
    return message


def _close_code(payload: bytes) -> int:
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_STATUS


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
