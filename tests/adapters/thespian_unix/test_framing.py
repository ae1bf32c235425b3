"""Bytes become messages whatever the pieces they arrive in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.thespian_unix.framing import (
    ACKNOWLEDGEMENT,
    TAGS,
    AcknowledgementReader,
    FrameReader,
    frame,
    tag_number,
)

frames = st.lists(st.tuples(st.sampled_from(sorted(TAGS)), st.binary(max_size=300)), max_size=12)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [piece for piece in [*pieces, data] if piece]


@given(frames, st.lists(st.integers(1, 40), max_size=30))
def test_frames_survive_any_cutting(sent: list[tuple[int, bytes]], sizes: list[int]) -> None:
    stream = b"".join(frame(tag, payload) for tag, payload in sent)
    reader = FrameReader()

    received = [found for piece in cut(stream, sizes) for found in reader.feed(piece)]

    assert received == sent


def test_frame_is_withheld_until_its_last_byte() -> None:
    whole = frame(0, b"x" * 1000)
    reader = FrameReader()

    assert [list(reader.feed(whole[i : i + 1])) for i in range(len(whole) - 1)] == [[]] * (len(whole) - 1)
    assert list(reader.feed(whole[-1:])) == [(0, b"x" * 1000)]


def test_message_too_large_for_its_length_field_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.thespian_unix.framing.LARGEST", 10)

    with pytest.raises(ValueError, match="message of 11 bytes: at most 10"):
        frame(0, b"x" * 11)


def test_each_tag_says_its_lane_overtaking_and_sequence() -> None:
    for number, tag in TAGS.items():
        assert tag_number(tag.lane, tag.overtakes, tag.sequence) == number
    assert len(TAGS) == 18


three_totals = st.tuples(*[st.integers(0, 2**63)] * 3)


@given(st.lists(three_totals, min_size=1, max_size=9), st.lists(st.integers(1, 40)))
def test_only_the_newest_acknowledgement_counts(totals: list[tuple[int, int, int]], sizes: list[int]) -> None:
    stream = b"".join(ACKNOWLEDGEMENT.pack(*total) for total in totals)
    reader = AcknowledgementReader()

    read = [newest for piece in cut(stream, sizes) if (newest := reader.feed(piece))]

    assert read[-1] == totals[-1]
    assert AcknowledgementReader().feed(stream) == totals[-1]
    assert AcknowledgementReader().feed(stream[:23]) is None
