"""Leverage and margin mode at a venue that are not what is configured: nothing is opened there, and one alarm tells."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.execution.order_rules import PlainOrders
from domain.messages.account import VenuePositionsSeen
from domain.messages.journal import BalancesOpened, IntentDenied
from domain.messages.orders import InstrumentsLoaded, Purpose, SubmitOrder
from domain.messages.positions import VenuePosition
from domain.messages.system import AlarmOver, AlarmRaised
from domain.settings import RiskSettings
from tests.builders import UTC
from tests.domain.perpetual_desk import PERPETUAL, SETTINGS, TOY, PerpetualDesk
from tests.order_builders import BTC, make_intent

RISK = RiskSettings(leverage=5.0, margin_mode="isolated")


def told(leverage: str | None = None, is_isolated: bool | None = None, quantity: str = "0") -> VenuePosition:
    set_to = None if leverage is None else Decimal(leverage)
    return VenuePosition(instrument=BTC, quantity=Decimal(quantity), leverage=set_to, is_isolated=is_isolated)


def desk_at(max_leverage: str = "40", risk: RiskSettings = RISK) -> PerpetualDesk:
    desk = PerpetualDesk(replace(SETTINGS, risk=risk), order_rules=PlainOrders).ready()
    listed = replace(PERPETUAL, max_leverage=Decimal(max_leverage))
    fees = {"taker_fee_ratio": Decimal(0), "maker_fee_ratio": Decimal(0)}
    desk.hear(InstrumentsLoaded(ts_event=UTC, venue=TOY, instruments=(listed,), **fees))
    return desk


def refusal(desk: PerpetualDesk, position: VenuePosition, purpose: Purpose = Purpose.OPEN) -> str:
    """Return why an order is refused once the venue has told that; empty when it is sent."""
    desk.look(1, positions=[position])
    desk.quote(venue=TOY)
    desk.hear(make_intent(intent_id="o", venue=TOY, purpose=purpose, expires_at=desk.now.utc_ns + 10**10))
    denied = desk.journaled(IntentDenied)
    return denied[0].reason if denied else str(len(desk.sent(SubmitOrder)) - 1 or "")


@pytest.mark.parametrize(
    ("position", "max_leverage"),
    [
        (told(), "40"),  # not each venue has such settings
        (told("5", True), "40"),
        (told("5"), "40"),
        (told(None, True), "40"),
        (told("3", True), "3"),  # no more is to be had there
    ],
)
def test_what_is_set_as_configured_or_not_told_is_in_nobodys_way(position: VenuePosition, max_leverage: str) -> None:
    desk = desk_at(max_leverage)

    assert refusal(desk, position) == "" and not desk.sent(AlarmRaised)


@pytest.mark.parametrize(
    ("position", "max_leverage", "there", "wanted"),
    [
        (told("20", True), "40", "20x isolated", "5x isolated"),
        (told("4", True), "40", "4x isolated", "5x isolated"),  # less would bind more collateral than was reckoned
        (told("5", False), "40", "5x cross", "5x isolated"),
        (told(None, False), "40", "cross", "5x isolated"),
        (told("5", True), "3", "5x isolated", "3x isolated"),
    ],
)
def test_what_is_set_otherwise_means_no_openings_and_one_alarm(
    position: VenuePosition, max_leverage: str, there: str, wanted: str
) -> None:
    desk = desk_at(max_leverage)

    assert refusal(desk, position) == "margin_mismatch"

    desk.look(3, positions=[position])
    text = f"leverage or margin mode: {BTC} is {there} there, {wanted} configured: no openings there until that is"
    assert [(alarm.subject, alarm.text) for alarm in desk.sent(AlarmRaised)] == [(TOY, f"{text} set alike")]
    [wait] = desk.manager.report(desk.now).waiting
    assert (wait.scope, wait.reason) == (f"{TOY}:{BTC}", "leverage or margin mode at the venue are not as configured")


def test_once_it_is_set_alike_openings_go_on_and_the_alarm_is_over() -> None:
    desk = desk_at()
    desk.look(1, positions=[told("20", True)])

    assert refusal(desk, told("5", True)) == ""

    assert [over.text for over in desk.sent(AlarmOver)] == [alarm.text for alarm in desk.sent(AlarmRaised)]


def test_a_flat_row_is_no_position_of_the_opening_balance_and_no_difference() -> None:
    desk = PerpetualDesk()
    desk.ready(positions=[told("1", True)])

    desk.look(4, positions=[told("1", True)])

    assert [event.positions for event in desk.journaled(BalancesOpened)] == [()]
    assert not desk.sent(AlarmRaised)


def test_the_portfolio_hears_what_the_venue_keeps_when_that_changes_and_as_it_appears() -> None:
    desk = desk_at()
    before = len(desk.sent(VenuePositionsSeen))

    desk.look(3, positions=[told("5", True)])
    desk._perform(desk.manager.announce(desk.now))

    seen = desk.sent(VenuePositionsSeen)[before:]
    assert [event.positions for event in seen] == 2 * [(told("5", True),)]
