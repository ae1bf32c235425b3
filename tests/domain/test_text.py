"""Text from outside costs 200 characters, steers no terminal and tells no secret."""

from __future__ import annotations

import pytest

from domain.errors import Rejected
from domain.text import bounded, bounded_bytes, bounded_id

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJrZXkifQ.c2lnbmF0dXJl-_"


@pytest.mark.parametrize("text", ["", "INSUFFICIENT_FUND", "zu wenig Geld, für größere Käufe", "価格"])
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert bounded(text) == text
    assert bounded_id(text) == text


@pytest.mark.parametrize("letter", ["x", "\x1b", "\u202e", "\U000e0001", "é"])
def test_a_refusal_of_twenty_megabytes_costs_200_characters(letter: str) -> None:
    shown = bounded(letter * 20_000_000)

    assert len(shown) == 200
    assert shown.endswith("…")
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("one\r\ntwo\tthree\x00", r"one\r\ntwo\tthree\x00"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u0300\u0301", r"a\u0300\u0301"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("line\u2028line", r"line\u2028line"),
    ],
)
def test_what_would_steer_a_terminal_is_made_visible(text: str, shown: str) -> None:
    assert bounded(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"bad header Authorization: Bearer {TOKEN}", "bad header Authorization: Bearer [secret]"),
        ("bearer abc.def, try again", "bearer [secret], try again"),
        ("Bearer\nabcdef", "Bearer[secret]"),
        ('{"authorization":"Bearer abc"}', '{"authorization":"Bearer [secret]"}'),
        ("Bearer%20abcdef", "Bearer[secret]"),
        (f"the token {TOKEN} is old", "the token [secret] is old"),
        (f"jwt={TOKEN[:20]}\n{TOKEN[20:]} and so on", "jwt=[secret] and so on"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcC\nAQEE\n-----END EC PRIVATE KEY-----\nend", r"[secret]\nend"),
        ("-----BEGIN PRIVATE KEY-----\\nMHcCAQEE", "[secret]"),
    ],
)
def test_secrets_are_blanked(text: str, shown: str) -> None:
    assert bounded(text) == shown


def test_a_token_over_the_bound_is_no_token_any_more() -> None:
    text = "x" * 190 + " Bearer " + "A" * 5_000

    assert "AAAA" not in bounded(text)
    assert b"AAAA" not in bounded_bytes(text.encode())
    assert b"AAAA" not in bounded_bytes(b"x" * 250 + b"eyJ" + b"A" * 5_000)


def test_ids_that_were_cut_keep_apart() -> None:
    first, second = bounded_id("x" * 1_000 + "1"), bounded_id("x" * 1_000 + "2")

    assert first != second
    assert len(first) == len(second) == 200
    assert bounded_id("a\x00") != bounded_id(r"a\x00")


def test_raw_bytes_stay_bytes() -> None:
    assert bounded_bytes(b"\xff\xfe{}") == b"\xff\xfe{}"
    assert len(bounded_bytes("é".encode() * 1_000)) == 256


def test_an_error_is_bounded_wherever_it_was_made() -> None:
    error = Rejected("no " * 10_000_000, code="\x1b" * 10_000, raw=TOKEN.encode() * 1_000)

    assert len(str(error)) == len(error.code) == 200
    assert error.raw == b"[secret]"
