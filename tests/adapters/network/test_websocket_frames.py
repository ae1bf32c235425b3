import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.network.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameSplitter,
    Split,
    encode_frame,
)
from adapters.ports import Fault


def server_frame(opcode: int, payload: bytes = b"", is_final: bool = True) -> bytes:
    """A frame as servers send them: unmasked."""
    first = (0x80 if is_final else 0) | opcode
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 1 << 16:
        return bytes((first, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first, 127)) + length.to_bytes(8, "big") + payload


def fed(pieces: list[bytes]) -> Split:
    """What the pieces held, all together."""
    splitter, whole = FrameSplitter(), Split([], [], None, [])
    for piece in pieces:
        split = splitter.feed(piece)
        for kept, new in zip((whole.messages, whole.replies, whole.faults), (split[0], split[1], split[3])):
            kept += new
        if split.close_code is not None:
            return whole._replace(close_code=split.close_code)
    return whole


FRAGMENTED = (
    server_frame(TEXT, b"a" * 200, is_final=False)
    + server_frame(PING, b"are you there")
    + server_frame(CONTINUATION, b"b" * 200, is_final=False)
    + server_frame(CONTINUATION, b"c" * 100)
)


def test_a_fragmented_message_with_a_ping_inside_comes_out_whole() -> None:
    """T12, WS-15: 200 + 200 + 100 bytes, a ping between: one message of 500 bytes."""
    split = fed([FRAGMENTED])

    assert split.messages == [b"a" * 200 + b"b" * 200 + b"c" * 100]
    assert split.replies == [(PONG, b"are you there")]


def test_where_tcp_cuts_the_stream_makes_no_difference() -> None:
    """WS-15: cut at every byte offset, and into single bytes."""
    stream = FRAGMENTED + server_frame(TEXT, b"x" * 300) + server_frame(CLOSE, b"\x03\xe8bye")
    whole = fed([stream])

    assert all(fed([stream[:cut], stream[cut:]]) == whole for cut in range(len(stream) + 1))
    assert fed([bytes((byte,)) for byte in stream]) == whole


@given(payloads=st.lists(st.text(max_size=200), max_size=8), cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_messages_come_out_complete_and_in_order(payloads: list[str], cuts: list[int]) -> None:
    stream = b"".join(server_frame(TEXT, payload.encode()) for payload in payloads)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]

    split = fed([stream[start:stop] for start, stop in itertools.pairwise(edges)])

    assert split.messages == [payload.encode() for payload in payloads if payload]
    assert split.faults == [Fault("empty", b"")] * payloads.count("")
    assert (split.replies, split.close_code) == ([], None)


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536, 1024 * 1024, 5 * 1024 * 1024])
def test_every_length_encoding_is_read(size: int) -> None:
    """T14, WS-17: up to messages of 1 and 5 MiB."""
    message = b"z" * size

    assert fed([server_frame(TEXT, message)]).messages == [message]


def test_an_oversize_message_is_refused_by_its_header_before_it_is_buffered() -> None:
    """T14, WS-17, WS-20: 15 MiB over the limit of 10."""
    header = bytes((0x81, 127)) + (15 * 1024 * 1024).to_bytes(8, "big")

    assert fed([header]) == Split([], [(CLOSE, b"\x03\xf1")], 1009, [Fault("oversize", header)])


def test_fragments_that_add_up_to_an_oversize_message_are_refused() -> None:
    splitter = FrameSplitter(max_message_bytes=100)

    splitter.feed(server_frame(TEXT, b"x" * 60, is_final=False))

    assert splitter.feed(server_frame(CONTINUATION, b"x" * 60)).close_code == 1009


@pytest.mark.parametrize("payload", [b"", b"x"])
def test_fragments_without_end_are_refused_and_cost_no_memory(payload: bytes) -> None:
    """Empty ones add nothing to the size of a message, so their number has a bound of its own."""
    splitter = FrameSplitter()
    splitter.feed(server_frame(TEXT, b"x", is_final=False))
    piece = server_frame(CONTINUATION, payload, is_final=False) * 1024
    tracemalloc.start()
    codes = [splitter.feed(piece).close_code for _ in range(15)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert not any(codes)
    assert peak < 512 * 1024
    assert splitter.feed(piece).close_code == 1009


def test_a_close_is_echoed_and_tells_its_code() -> None:
    assert fed([server_frame(CLOSE, b"\x0f\xa0going away")]) == Split([], [(CLOSE, b"\x0f\xa0")], 4000, [])
    assert fed([server_frame(CLOSE)]) == Split([], [(CLOSE, b"")], 1005, [])


def test_what_came_before_a_violation_is_delivered() -> None:
    split = fed([server_frame(TEXT, b"good") + server_frame(TEXT, b"\xff\xfe")])

    assert split == Split([b"good"], [(CLOSE, b"\x03\xef")], 1007, [Fault("utf8", b"\xff\xfe")])


def test_text_is_checked_as_a_whole_so_a_character_may_span_fragments() -> None:
    euro = "€".encode()

    split = fed([server_frame(TEXT, euro[:1], is_final=False) + server_frame(CONTINUATION, euro[1:])])

    assert split.messages == [euro]


def test_what_is_no_text_is_a_fault_and_the_stream_goes_on() -> None:
    """T05, WS-20: a binary frame and an empty one, each one event with its first 256 bytes."""
    split = fed([server_frame(BINARY, b"\xff" * 300) + server_frame(TEXT) + server_frame(TEXT, b"good")])

    assert split == Split([b"good"], [], None, [Fault("binary", b"\xff" * 256), Fault("empty", b"")])


def test_a_small_limit_counts_for_whole_and_fragmented_messages() -> None:
    """T12: a buffer of 1024 bytes, a message of 2048."""
    for stream in (
        server_frame(TEXT, b"x" * 2048),
        server_frame(TEXT, b"x" * 1000, is_final=False) + server_frame(CONTINUATION, b"x" * 1048),
    ):
        assert FrameSplitter(max_message_bytes=1024).feed(stream).close_code == 1009


@pytest.mark.parametrize("parts", [1, 3, 100])
def test_an_oversize_message_costs_less_memory_than_twice_the_limit_however_it_comes(parts: int) -> None:
    """WS-17: one and a half times what is allowed, whole or in fragments, 64 KiB at a time."""
    limit, piece = 1024 * 1024, 64 * 1024
    part = b"x" * (limit * 3 // 2 // parts)
    frames = [server_frame(CONTINUATION if number else TEXT, part, False) for number in range(parts - 1)]
    stream = b"".join([*frames, server_frame(CONTINUATION if frames else TEXT, part)])
    pieces = [stream[start : start + piece] for start in range(0, len(stream), piece)]
    splitter, codes = FrameSplitter(limit), []
    tracemalloc.start()
    while not any(codes):
        codes.append(splitter.feed(pieces.pop(0)).close_code)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert codes[-1] == 1009
    assert peak < 2 * limit


def test_a_message_as_large_as_is_allowed_is_copied_once() -> None:
    """WS-17: its parts and the whole."""
    limit, piece = 1024 * 1024, 64 * 1024
    stream = server_frame(TEXT, b"x" * limit)
    pieces = [stream[start : start + piece] for start in range(0, len(stream), piece)]
    splitter = FrameSplitter(limit)
    tracemalloc.start()
    splits = [splitter.feed(each) for each in pieces]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(splits[-1].messages) == 1
    assert peak < 2.2 * limit


@pytest.mark.parametrize(
    "stream",
    [
        server_frame(CONTINUATION, b"of nothing"),
        server_frame(TEXT, b"one", is_final=False) + server_frame(TEXT, b"inside another"),
        server_frame(PING, b"x" * 126),
        server_frame(PING, b"", is_final=False),
        server_frame(0x3, b"reserved"),
        server_frame(0xB, b"reserved"),
        bytes((0xC1, 1)) + b"x",  # a reserved bit
        encode_frame(TEXT, b"masked", b"\1\2\3\4"),
    ],
)
def test_breaking_the_protocol_closes_with_1002(stream: bytes) -> None:
    split = fed([stream])

    assert split.close_code == 1002
    assert [fault.category for fault in split.faults] == ["protocol"]


@given(noise=st.binary(max_size=300))
def test_no_bytes_make_it_raise(noise: bytes) -> None:
    fed([noise])


@given(payload=st.binary(max_size=70_000), mask=st.binary(min_size=4, max_size=4))
def test_our_frames_unmask_to_what_we_said(payload: bytes, mask: bytes) -> None:
    frame = encode_frame(BINARY, payload, mask)

    assert len(payload) == 0 or frame[1] & 0x80
    masked = frame[len(frame) - len(payload) :]
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked)) == payload
    assert frame[len(frame) - len(payload) - 4 : len(frame) - len(payload)] == mask
