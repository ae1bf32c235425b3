"""`nzeza replay`: a recording through the decoders again, in one line of JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.storage.recording import FrameRecorder, recordings
from domain.instant import SECOND_NS, Instant
from scripts.main import main
from tests.adapters.venues.coinbase.frames import snapshot, ticker, update

UTC = 1_780_000_000 * SECOND_NS
HEARTBEAT = (
    b'{"channel":"heartbeats","client_id":"","timestamp":"2026-05-28T20:26:40Z","sequence_num":0,'
    b'"events":[{"current_time":"2026-05-28 20:26:40 +0000 UTC","heartbeat_counter":"1"}]}'
)


def test_it_counts_what_the_decoders_say_and_tells_what_they_could_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = FrameRecorder(tmp_path, "coinbase", 1 << 20, 1 << 30)
    recorder.opened("ws://venue/", Instant(1, UTC))
    recorder.frame(HEARTBEAT, 2, UTC + SECOND_NS)
    recorder.frame(b"not JSON", 3, UTC + 2 * SECOND_NS)
    for number in (1, 2):
        recorder.frame(ticker(number, bid="-1e1"), 3 + number, UTC + 2 * SECOND_NS)
    recorder.close()
    [path] = recordings(tmp_path, "coinbase")

    assert main(["replay", str(path)]) == 0

    said = json.loads(capsys.readouterr().out)
    assert (said["venue"], said["connections"], said["frames"]) == ("coinbase", 1, 4)
    assert (said["from"], said["to"]) == ("2026-05-28T20:26:40.000+00:00", "2026-05-28T20:26:42.000+00:00")
    assert said["events"] == {"DecodeFailed": 3, "HeartbeatSeen": 1}
    assert said["faults"] == {
        "validation: must be positive - at `$.events[0].tickers[0].best_bid`": 2,
        "parse: JSON is malformed: invalid character (byte 4)": 1,
    }


def test_a_connection_outlives_the_rotation_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = FrameRecorder(tmp_path, "coinbase", 1, 1 << 30)  # a file for each flush
    recorder.opened("ws://venue/", Instant(1, UTC))
    for number, frame in enumerate((snapshot(0), update(1, ("bid", "99.5", "1")))):
        recorder.frame(frame, number, UTC + number * SECOND_NS)
        recorder.flush()
    first, second = map(str, recordings(tmp_path, "coinbase"))

    main(["replay", first, second])
    main(["replay", second])

    said = [json.loads(line)["events"] for line in capsys.readouterr().out.splitlines()]
    assert [events.get("Quote", 0) for events in said] == [1, 1, 0]


def test_damage_is_counted_told_and_the_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = FrameRecorder(tmp_path, "coinbase", 1 << 20, 1 << 30)
    for _ in range(3):  # members of one length
        recorder.frame(HEARTBEAT, 1, UTC)
        recorder.flush()
    [path] = recordings(tmp_path, "coinbase")
    content = bytearray(path.read_bytes())
    member = len(content) // 3
    content[member + 20] ^= 1
    path.write_bytes(content)

    assert main(["replay", str(path)]) == 1

    output, errors = capsys.readouterr()
    said = json.loads(output)
    [part] = said["damage"]
    assert (said["frames"], said["unread_bytes"]) == (2, member)
    assert (part["from"], part["bytes"]) == (member, member)
    assert said["faults"] == {f"damage: {part['reason']}": 1}
    [line] = errors.splitlines()
    assert f"from byte {member} on {member} bytes" in line


def test_what_is_no_recording_costs_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "other.txt")]) == 2

    [line] = capsys.readouterr().err.splitlines()
    assert "must be a recording" in line
