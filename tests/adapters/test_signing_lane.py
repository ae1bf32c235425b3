"""No nonce is ever used twice, and none leaves before it is kept (F37)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from adapters.signing_lane import NonceFile, SigningLane
from domain.errors import Retryable
from tests.builders import UTC
from tests.simulated_coinbase import ManualClock

NOW_MS = UTC // 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nonces"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def lane(path: Path, clock: ManualClock) -> SigningLane:
    return SigningLane(NonceFile(path), clock)


def taken(lane: SigningLane) -> int:
    with lane.nonce(1.0) as nonce:
        return nonce


def test_a_nonce_is_the_time_in_milliseconds_and_two_in_one_are_apart(path: Path, clock: ManualClock) -> None:
    signing = lane(path, clock)

    assert [taken(signing) for _ in range(3)] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]
    clock.advance(1)
    assert taken(signing) == NOW_MS + 1_000


def test_a_clock_that_steps_back_repeats_none_nor_does_a_restart(path: Path, clock: ManualClock) -> None:
    signing = lane(path, clock)
    used = [taken(signing) for _ in range(3)]

    clock.advance(-3_600)
    used += [taken(lane(path, clock)) for _ in range(3)]

    assert used == sorted(set(used))


def test_what_leaves_is_kept_before(path: Path, clock: ManualClock) -> None:
    signing = lane(path, clock)

    for _ in range(5):
        with signing.nonce(1.0) as nonce:
            assert NonceFile(path).bound >= nonce
        clock.advance(0.4)


def test_the_disk_is_waited_for_once_a_second(path: Path, clock: ManualClock) -> None:
    kept, written = NonceFile(path), []
    put, kept.put = kept.put, lambda bound: (written.append(bound), put(bound))
    signing = SigningLane(kept, clock)

    for _ in range(100):
        taken(signing)
        clock.advance(0.01)

    assert len(written) == 1


def test_a_nonce_that_cannot_be_kept_is_not_given_out_and_the_lane_goes_on(path: Path, clock: ManualClock) -> None:
    kept = NonceFile(path)
    put, kept.put = kept.put, full_disk
    signing = SigningLane(kept, clock)

    with pytest.raises(Retryable) as error:
        taken(signing)

    assert error.value.code == "nonce_not_kept"
    kept.put = put
    assert taken(signing) > NOW_MS


def full_disk(bound: int) -> None:
    raise OSError(28, "No space left on device")


def test_one_request_at_a_time_leaves_and_nobody_waits_for_ever(path: Path, clock: ManualClock) -> None:
    signing = lane(path, clock)

    with signing.nonce(1.0), pytest.raises(Retryable) as error, signing.nonce(0.0):
        pass

    assert error.value.code == "lane_busy"


def test_threads_share_no_nonce(path: Path, clock: ManualClock) -> None:
    signing, used = lane(path, clock), []
    threads = [threading.Thread(target=lambda: used.extend(taken(signing) for _ in range(50))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(used)) == 200


@pytest.mark.parametrize("damage", [b"x", b"nznonc1\n" + bytes(12), bytes(40)])
def test_a_damaged_file_is_refused_for_nobody_knows_what_was_used(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)
    path.chmod(0o600)

    with pytest.raises(ValueError, match="damaged"):
        NonceFile(path)
