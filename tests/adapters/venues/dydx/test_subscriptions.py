import json

from adapters.venues.dydx.subscriptions import RENEWED_EVERY_NS, Subscription, Subscriptions
from domain.instant import SECOND_NS

BOOK = Subscription("v4_orderbook", "BTC-USD")


def opened(now_ns: int = 0) -> Subscriptions:
    subscriptions = Subscriptions(("BTC-USD",))
    subscriptions.open(now_ns)
    return subscriptions


def asked(subscriptions: Subscriptions, now_ns: int) -> list[Subscription]:
    return [one for one, _ in subscriptions.take_due(now_ns)]


def answer_all(subscriptions: Subscriptions) -> None:
    for one in subscriptions.all:
        subscriptions.answered(one)


def test_each_channel_is_asked_for_in_the_venues_words() -> None:
    messages = [json.loads(text) for _, frames in opened().take_due(0) for text in frames]

    assert messages == [
        {"type": "subscribe", "channel": "v4_block_height", "batched": False},
        {"type": "subscribe", "channel": "v4_orderbook", "id": "BTC-USD", "batched": False},
        {"type": "subscribe", "channel": "v4_trades", "id": "BTC-USD", "batched": False},
        {"type": "subscribe", "channel": "v4_markets", "batched": True},
        {"type": "subscribe", "channel": "v4_candles", "id": "BTC-USD/1MIN", "batched": True},
    ]


def test_nothing_is_asked_before_the_venue_listens_and_nothing_twice() -> None:
    subscriptions = Subscriptions(("BTC-USD",))
    assert asked(subscriptions, 0) == []

    subscriptions.open(0)

    assert asked(subscriptions, 0) == list(subscriptions.all)
    assert asked(subscriptions, 10 * RENEWED_EVERY_NS) == []  # not answered yet


def test_every_subscription_is_renewed_within_ten_minutes_and_never_two_at_once() -> None:
    subscriptions = opened()
    asked(subscriptions, 0)
    answer_all(subscriptions)
    renewed: dict[Subscription, list[int]] = {one: [] for one in subscriptions.all}

    for second in range(1, 1_801):
        due = asked(subscriptions, second * SECOND_NS)
        assert len(due) <= 1
        for one in due:
            renewed[one].append(second)
            subscriptions.answered(one)

    for seconds in renewed.values():
        gaps = [later - earlier for earlier, later in zip([0, *seconds], seconds, strict=False)]
        assert max(gaps) <= 600 and len(seconds) == 3


def test_a_renewal_ends_the_old_subscription_first() -> None:
    subscriptions = opened()
    asked(subscriptions, 0)
    answer_all(subscriptions)

    subscriptions.renew(BOOK, 2 * SECOND_NS)
    ((one, frames),) = subscriptions.take_due(2 * SECOND_NS)

    assert one == BOOK
    assert [json.loads(text)["type"] for text in frames] == ["unsubscribe", "subscribe"]


def test_a_renewal_waits_for_the_answer_that_is_on_its_way() -> None:
    subscriptions = opened()
    asked(subscriptions, 0)

    subscriptions.renew(BOOK, 2 * SECOND_NS)

    assert asked(subscriptions, 2 * SECOND_NS) == []


def test_the_same_is_asked_for_at_most_once_in_a_second() -> None:
    subscriptions = opened()
    asked(subscriptions, 0)
    answer_all(subscriptions)

    subscriptions.renew(BOOK, 1)

    assert asked(subscriptions, SECOND_NS - 1) == []
    assert asked(subscriptions, SECOND_NS) == [BOOK]


def test_what_the_venue_does_not_have_is_not_asked_for_again() -> None:
    subscriptions = opened()
    asked(subscriptions, 0)
    answer_all(subscriptions)

    subscriptions.refused(BOOK)
    subscriptions.renew(BOOK, SECOND_NS)

    assert subscriptions.is_refused(BOOK)
    assert BOOK not in asked(subscriptions, 2 * RENEWED_EVERY_NS)


def test_a_new_connection_starts_over() -> None:
    subscriptions = opened()
    asked(subscriptions, 0)
    subscriptions.refused(BOOK)

    subscriptions.restart()
    subscriptions.open(SECOND_NS)

    due = subscriptions.take_due(SECOND_NS)
    assert [one for one, _ in due] == list(subscriptions.all)
    assert all(len(frames) == 1 for _, frames in due)


def test_messages_and_errors_find_their_subscription() -> None:
    subscriptions = opened()

    assert subscriptions.find("v4_orderbook", "BTC-USD") == BOOK
    assert subscriptions.find("v4_markets", "") == Subscription("v4_markets")
    assert subscriptions.find("v4_block_height", "v4_block_height") == Subscription("v4_block_height")
    assert subscriptions.find("v4_orderbook", "DOGE-USD") is None
    assert subscriptions.named_in("Invalid subscription id for channel: (v4_orderbook-BTC-USD)") == BOOK
    assert subscriptions.named_in("Internal error") is None
