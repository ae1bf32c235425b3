"""Money that no order can spend is told of once, however often it is read."""

from __future__ import annotations

from decimal import Decimal

from domain.effects import Tell
from domain.instant import Instant
from domain.ledger.outbox import Outbox
from domain.messages.account import VenueSnapshot
from domain.messages.listing import Unread, Unspendable
from domain.messages.system import AlarmOver, AlarmRaised
from domain.reconciliation.unspendable import UnspendableMoney
from tests.builders import MONO, UTC
from tests.order_builders import TimedOrderManager

NOW = Instant(MONO, UTC)
TEXT = "90000 USD there can't be spent by orders (VAULT): not in equity, not traded with"


class Reader:
    """Hears snapshots and keeps what the person is told."""

    def __init__(self) -> None:
        self._outbox = Outbox(0)
        self._money = UnspendableMoney(self._outbox)

    def hear(self, *money: Unspendable, unread: tuple[Unread, ...] = ()) -> list[tuple[type, str, str]]:
        told = {"balances": (), "open_orders": (), "fills": (), "unread": unread, "unspendable": money}
        self._money.hear(VenueSnapshot(ts_event=UTC, request_id=1, venue="coinbase", **told), NOW)
        messages = [it.message for it in self._outbox.take() if isinstance(it, Tell)]
        return [(type(it), it.subject, it.text) for it in messages]


def vault(total: str) -> Unspendable:
    return Unspendable("USD", "VAULT", Decimal(total))


def test_money_in_a_vault_is_told_once() -> None:
    reader = Reader()

    assert reader.hear(vault("90000")) == [(AlarmRaised, "coinbase:USD", TEXT)]
    assert reader.hear(vault("90001")) == []
    assert reader.hear() == [(AlarmOver, "coinbase:USD", TEXT)]


def test_a_wallet_that_cannot_be_read_now_ends_nothing() -> None:
    reader = Reader()
    reader.hear(vault("90000"))

    assert reader.hear(unread=(Unread(kind="balance", currency="USD", reason="no number"),)) == []


def test_the_desk_tells_of_it_with_the_account() -> None:
    manager = TimedOrderManager().ready()
    about = {"balances": (), "open_orders": (), "fills": (), "unspendable": (vault("90000"),)}

    manager.hear(VenueSnapshot(ts_event=UTC, request_id=99, venue="coinbase", **about))

    assert [(it.subject, it.text) for it in manager.sent(AlarmRaised)] == [("coinbase:USD", TEXT)]
