import uuid

from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.order_ids import TAG, is_ours, mint_client_order_id


@given(st.text(max_size=80), st.integers(0, 9), st.integers(1, 99))
def test_every_id_is_a_valid_version_8_uuid_with_our_tag(intent_id: str, leg: int, attempt: int) -> None:
    minted = uuid.UUID(mint_client_order_id(intent_id, leg, attempt))

    assert minted.version == 8
    assert minted.variant == uuid.RFC_4122
    assert minted.hex.startswith(TAG)
    assert is_ours(str(minted))


def test_deciding_twice_names_the_same_order() -> None:
    assert mint_client_order_id("i-1", 0, 1) == mint_client_order_id("i-1", 0, 1)


def test_intent_leg_and_attempt_each_make_another_order() -> None:
    keys = [("i-1", 0, 1), ("i-1", 0, 2), ("i-1", 1, 1), ("i-10", 1, 1), ("i-1", 10, 1), ("i-2", 0, 1)]

    assert len({mint_client_order_id(*key) for key in keys}) == len(keys)


def test_an_id_that_others_minted_is_not_ours() -> None:
    foreign = "11111111-2222-4333-8444-555555555555"
    half_like_ours = TAG + "-2222-4333-8444-555555555555"

    assert not is_ours(foreign)
    assert not is_ours(half_like_ours)
    assert not is_ours("")
