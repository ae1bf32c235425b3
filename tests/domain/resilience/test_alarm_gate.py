"""Alarms reach the person, floods of them don't."""

from __future__ import annotations

from domain.instant import SECOND_NS
from domain.resilience.alarm_gate import AlarmGate, AlarmVerdict


def passes(gate: AlarmGate, subject: str, text: str, now_ns: int) -> bool:
    return gate.judge(subject, text, now_ns) is AlarmVerdict.TOLD


def passed(gate: AlarmGate, words: list[tuple[str, str]], now_ns: int = 0) -> int:
    return sum(passes(gate, subject, text, now_ns) for subject, text in words)


def test_the_same_words_pass_once_each_ten_seconds() -> None:
    gate = AlarmGate(0)

    told = [passes(gate, "coinbase", "down", second * SECOND_NS) for second in range(25)]

    assert [second for second, is_told in enumerate(told) if is_told] == [0, 10, 20]
    assert gate.held_back == 0


def test_a_flood_of_different_words_about_one_subject_is_held_back() -> None:
    gate = AlarmGate(0)

    assert passed(gate, [("stream", f"error {number}") for number in range(10_000)]) == 10
    assert gate.held_back == 9_990
    assert passes(gate, "coinbase:BTC-USD", "halted", 0)  # another subject has its own share


def test_a_flood_of_different_subjects_is_held_back_and_forgotten() -> None:
    gate = AlarmGate(0)

    assert passed(gate, [(f"subject {number}", "x") for number in range(10_000)]) == 100
    assert len(gate._buckets) <= 500
    for second in range(1, 2_000):
        passes(gate, f"later {second}", "x", second * SECOND_NS)
    assert len(gate._told_ns) <= 500


def test_what_was_held_back_may_be_told_later() -> None:
    gate = AlarmGate(0)
    passed(gate, [("stream", f"error {number}") for number in range(100)])

    assert passes(gate, "stream", "error 99", 10 * SECOND_NS)


def test_what_was_over_and_begins_again_is_told_at_once() -> None:
    gate = AlarmGate(0)
    assert passes(gate, "coinbase", "halted", 0) and not passes(gate, "coinbase", "halted", 1)

    gate.ended("coinbase", "halted")

    assert passes(gate, "coinbase", "halted", 2)
