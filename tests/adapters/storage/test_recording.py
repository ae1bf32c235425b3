"""Frames go to disk as they came, and come back as they went, whatever happened in between."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.recording import (
    CLOSED,
    FRAME,
    MEMBER_BYTES,
    OPENED,
    Damage,
    FrameRecorder,
    read,
    recordings,
    replay,
)
from domain.instant import SECOND_NS, Instant
from domain.streams.channel_watch import Channel, ChannelWatch

UTC = 1_780_000_000 * SECOND_NS


def recorder_in(directory: Path, rotate_bytes: int = 1 << 30, keep_bytes: int = 1 << 40) -> FrameRecorder:
    return FrameRecorder(directory, "coinbase", rotate_bytes, keep_bytes)


def record(recorder: FrameRecorder, frames: list[bytes], begin: int = 0) -> None:
    for number, frame in enumerate(frames, start=begin):
        recorder.frame(frame, number, UTC + number)


def everything(directory: Path) -> list[bytes]:
    files = recordings(directory, "coinbase")
    return [entry.payload for path in files for entry in read(path) if entry.kind == FRAME]


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(1, 20))
def test_any_bytes_come_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, frames: list[bytes], every: int
) -> None:
    directory = tmp_path_factory.mktemp("frames")
    recorder = recorder_in(directory)
    for number, frame in enumerate(frames):
        recorder.frame(frame, number, UTC + number)
        if number % every == 0:
            recorder.flush()
    recorder.close()

    assert everything(directory) == frames


def test_stamps_and_connections_come_back_too(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path / "deep" / "down")
    recorder.opened("ws://venue/", Instant(1, UTC))
    recorder.frame(b"one", 2, UTC + 1)
    recorder.closed("1006", Instant(3, UTC + 2))

    [path] = recordings(tmp_path / "deep" / "down", "coinbase")

    assert path.name == "coinbase-20260528T202640.000000000Z.frames.gz"
    assert list(read(path)) == [
        (OPENED, Instant(1, UTC), b"ws://venue/"),
        (FRAME, Instant(2, UTC + 1), b"one"),
        (CLOSED, Instant(3, UTC + 2), b"1006"),
    ]


def test_what_a_crash_cut_off_costs_only_itself(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    record(recorder, [b"kept"] * 3)
    recorder.flush()
    record(recorder, [b"lost"] * 3)
    recorder.close()
    [path] = recordings(tmp_path, "coinbase")
    whole = path.read_bytes()

    for cut in range(1, 30):
        path.write_bytes(whole[:-cut])
        assert everything(tmp_path) == [b"kept"] * 3
    path.write_bytes(whole + b"\0garbage")
    assert everything(tmp_path) == [b"kept"] * 3 + [b"lost"] * 3


def three_members(tmp_path: Path) -> tuple[Path, list[int]]:
    """Return a file with the frames one, two and three, each in a member of its own, and where these begin and end."""
    recorder, ends = recorder_in(tmp_path), [0]
    for number, frame in enumerate((b"one" * 50, b"two" * 50, b"three" * 50)):
        recorder.frame(frame, number, UTC + number)
        recorder.flush()
        [path] = recordings(tmp_path, "coinbase")
        ends.append(path.stat().st_size)
    return path, ends


def test_any_flipped_bit_costs_its_member_and_is_told(tmp_path: Path) -> None:
    path, (_, begin, end, _) = three_members(tmp_path)
    whole = path.read_bytes()

    for at in range(begin, end):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        damage: list[Damage] = []
        frames = [entry.payload[:3] for entry in read(path, damage.append)]
        if not damage:  # stamp, level and system in the head of a gzip member mean nothing to us
            assert at - begin in range(3, 10) and frames == [b"one", b"two", b"thr"]
            continue
        assert frames == [b"one", b"thr"], at
        assert [(part.begin, part.length) for part in damage] == [(begin, end - begin)]


def test_whatever_is_no_recording_is_told_with_its_length(tmp_path: Path) -> None:
    path, (_, begin, _, size) = three_members(tmp_path)
    whole = path.read_bytes()
    too_long = gzip.compress(struct.pack("<cQQI", b"f", 1, 1, (1 << 32) - 1) + b"x" * 100)
    unknown = gzip.compress(struct.pack("<cQQI", b"?", 1, 1, 0))
    cases = {
        b"": (0, [(0, 0, "is empty")]),
        b"hello" * 100: (0, [(0, 500, "incorrect header check")]),
        whole[1:]: (2, [(0, begin - 1, "incorrect header check")]),
        whole + b"garbage": (3, [(size, 7, "incorrect header check")]),
        too_long + whole: (3, [(0, len(too_long), "holds what is no entry")]),
        unknown + whole: (3, [(0, len(unknown), "holds what is no entry")]),
        gzip.compress(b"f") + whole: (3, [(0, len(gzip.compress(b"f")), "holds what is no entry")]),
    }
    for content, (frames, told) in cases.items():
        path.write_bytes(content)
        damage: list[Damage] = []
        assert len(list(read(path, damage.append))) == frames
        assert [tuple(part) for part in damage] == told


def test_a_member_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path, (_, _, begin, size) = three_members(tmp_path)
    os.truncate(path, size - 1)
    damage: list[Damage] = []

    assert len(list(read(path, damage.append))) == 2
    assert damage == [Damage(begin, size - 1 - begin, "ends in the middle")]


def test_a_member_that_swells_without_end_costs_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.storage.recording.MOST_MEMBER_BYTES", 1 << 16)
    path, _ = three_members(tmp_path)
    bomb = gzip.compress(b"\0" * (8 << 20))
    path.write_bytes(bomb + path.read_bytes())
    damage: list[Damage] = []

    tracemalloc.start()
    frames = len(list(read(path, damage.append)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert frames == 3 and peak < 1 << 20
    assert damage == [Damage(0, len(bomb), "is too large to be ours")]


def test_what_was_flushed_survives_a_kill(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    record(recorder, [b"frame"] * 5)
    recorder.flush()

    assert everything(tmp_path) == [b"frame"] * 5  # without close


def test_a_busy_stream_does_not_wait_for_a_flush(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)

    record(recorder, [b"x" * 1000] * (MEMBER_BYTES // 1000 + 1))

    assert len(everything(tmp_path)) >= MEMBER_BYTES // 1100


def test_files_are_rotated_and_the_oldest_go(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path, rotate_bytes=1, keep_bytes=300)
    for number in range(10):
        recorder.frame(f"frame {number}".encode(), number, UTC + number)
        recorder.flush()

    frames = everything(tmp_path)

    assert frames[-1] == b"frame 9"
    assert 1 < len(frames) < 10
    assert sum(path.stat().st_size for path in recordings(tmp_path, "coinbase")) <= 300


@pytest.mark.parametrize("planted", ["recordings", "file"])
def test_a_planted_link_ends_the_recording_and_is_not_followed(planted: str, tmp_path: Path) -> None:
    victim, directory = tmp_path / "victim", tmp_path / "recordings"
    if planted == "recordings":
        victim.mkdir()
        directory.symlink_to(victim)
    else:
        victim.write_bytes(b"precious")
        first = recorder_in(directory)
        record(first, [b"{}"])
        first.close()
        [path] = recordings(directory, "coinbase")  # the same time will have the same name
        path.unlink()
        path.symlink_to(victim)
    recorder = recorder_in(directory)

    record(recorder, [b"{}"])
    recorder.flush()

    assert recorder.failure == "is a link, which is never followed"
    assert (list(victim.iterdir()) if planted == "recordings" else victim.read_bytes()) in ([], b"precious")


def test_another_venues_files_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "dydx-20260101T000000.000000000Z.frames.gz"
    other.write_bytes(gzip.compress(b""))
    recorder = recorder_in(tmp_path, rotate_bytes=1, keep_bytes=0)

    record(recorder, [b"frame"])
    recorder.close()

    assert other.exists()


def test_a_disk_that_fails_ends_the_recording_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the directory should be")
    recorder = recorder_in(tmp_path / "taken")

    record(recorder, [b"frame"])
    recorder.flush()
    record(recorder, [b"frame"])
    recorder.close()

    assert recorder.failure == "File exists"


@pytest.mark.parametrize("last", ["flush", "close", "opened", "closed", "frame"])
def test_a_disk_that_fills_up_ends_the_recording_and_nothing_is_raised(
    last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = recorder_in(tmp_path, rotate_bytes=1)
    record(recorder, [b"kept"])
    recorder.flush()
    monkeypatch.setattr("adapters.storage.recording.open_own", lambda path, flags: os.open("/dev/full", os.O_WRONLY))
    record(recorder, [b"lost"])
    final = {
        "opened": lambda: recorder.opened("ws://venue/", Instant(3, UTC)),
        "closed": lambda: recorder.closed("1006", Instant(3, UTC)),
        "frame": lambda: recorder.frame(b"x" * MEMBER_BYTES, 3, UTC),
    }

    final.get(last, getattr(recorder, last))()
    recorder.flush()
    record(recorder, [b"not any more"])
    recorder.close()

    assert recorder.failure == "No space left on device"
    assert everything(tmp_path) == [b"kept"]


def test_a_file_that_fails_to_close_is_dropped(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    record(recorder, [b"kept"])
    recorder.flush()
    os.close(recorder._file.fileno())

    recorder.close()
    recorder.close()

    assert recorder.failure == "Bad file descriptor"
    assert everything(tmp_path) == [b"kept"]


@pytest.mark.parametrize("utc_ns", [-1, 1 << 64, (1 << 64) - 1])
def test_a_clock_that_is_far_off_raises_nothing(utc_ns: int, tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)

    recorder.opened("ws://\udcff/", Instant(1, utc_ns))
    recorder.close()

    assert recorder.failure or len(recordings(tmp_path, "coinbase")) == 1


class Codec:
    """Says what it was given, and what it knows of the connection."""

    def __init__(self) -> None:
        self.watch = ChannelWatch([Channel("book", proves_life=True)])
        self.asked: list[int] = []  # when it was asked what it wants said

    def hello(self, now: Instant) -> tuple[str, ...]:
        return ("subscribe",)

    def tick(self, now: Instant) -> tuple[str, ...]:
        self.asked.append(now.monotonic_ns)
        return ("ping",)

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> list:
        proven_ns = self.watch.proven_ns()
        self.watch.heard("book", read_ns)
        return [(frame, read_ns, now.utc_ns, proven_ns, tuple(self.asked))]


def test_a_recording_goes_through_the_same_decoder_as_a_stream_would(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    for connection in (1, 2):
        recorder.opened("ws://venue/", Instant(connection, UTC))
        recorder.frame(b"frame", 10 * connection, UTC + connection)
        recorder.frame(b"later", 10 * connection + 5, UTC + connection)
        recorder.closed("1006", Instant(10 * connection + 6, UTC))
    recorder.close()
    [path] = recordings(tmp_path, "coinbase")

    assert list(replay(read(path), Codec())) == [
        (b"frame", 10, UTC + 1, 0, ()),
        (b"later", 15, UTC + 1, 10, (10,)),
        (b"frame", 20, UTC + 2, 0, (10, 15)),
        (b"later", 25, UTC + 2, 20, (10, 15, 20)),
    ]


def remove_file(directory: Path) -> None:
    for path in recordings(directory, "coinbase"):
        path.unlink()


def replace_file(directory: Path) -> None:
    for path in recordings(directory, "coinbase"):
        shutil.copy(path, path.with_name("copy"))
        path.with_name("copy").replace(path)


@pytest.mark.parametrize("lose", [remove_file, replace_file, shutil.rmtree])
def test_a_file_that_is_taken_away_is_counted_once_and_another_begins(
    lose: Callable[[Path], object], tmp_path: Path
) -> None:
    directory = tmp_path / "recordings"
    recorder = recorder_in(directory)
    record(recorder, [b"before"])
    recorder.flush()

    lose(directory)
    recorder.flush()
    recorder.flush()
    assert recorder.files_lost == 1
    record(recorder, [b"after"], begin=1)
    recorder.close()

    assert (recorder.files_lost, recorder.failure) == (1, "")
    assert everything(directory)[-1:] == [b"after"]


def test_a_directory_that_cannot_be_made_anew_ends_the_recording_and_says_why(tmp_path: Path) -> None:
    directory = tmp_path / "recordings"
    recorder = recorder_in(directory)
    record(recorder, [b"before"])
    recorder.flush()

    shutil.rmtree(directory)
    directory.write_text("in the way")
    record(recorder, [b"after"], begin=1)
    recorder.flush()

    assert recorder.files_lost == 1
    assert recorder.failure == "File exists"
