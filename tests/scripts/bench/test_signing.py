"""The benchmark of signing compares like with like, and stands alone where no peer is installed."""

from __future__ import annotations

import sys

import jwt
import pytest

from scripts.bench import signing


def test_each_kind_of_request_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "CALLS", 1)

    head, *rows = signing.lines(rounds=1)

    assert "ours" in head
    assert [row[:32].strip() for row in rows] == [peers.name for peers in signing.requests()]
    assert all(float(row[32:41]) > 0 for row in rows)


def test_without_the_official_client_ours_is_measured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "CALLS", 1)
    for name in ("hyperliquid", "eth_account"):
        monkeypatch.setitem(sys.modules, name, None)

    order, cancel, _ = list(signing.lines(rounds=1))[1:]

    assert order.endswith("the peer is not installed") and cancel.endswith("the peer is not installed")


def test_nothing_is_compared_with_a_peer_that_signs_something_else() -> None:
    with pytest.raises(SystemExit, match="something else"):
        signing._counted(lambda nonce: b"1", lambda nonce: b"2")


def test_both_tokens_claim_the_same() -> None:
    ours, theirs = (
        jwt.decode(sign(), signing._KEY.public_key(), ["ES256"], {"verify_exp": False, "verify_nbf": False})
        for sign in (signing._token(), signing._jwt())
    )

    assert ours == theirs
