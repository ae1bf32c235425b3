import pytest

from domain.effects import Role
from domain.instant import SECOND_NS, Instant
from domain.messages.halts import HaltLine
from domain.messages.system import (
    ActorLine,
    ActorReported,
    AlarmRaised,
    BreakerChanged,
    BreakerState,
    Operation,
    PortfolioReported,
    RosterReported,
    VenueReported,
)
from domain.reports.histogram import Histogram
from domain.reports.status_board import StatusBoard
from tests.builders import MONO, UTC, orders_reported

NOW = Instant(MONO + 20 * SECOND_NS, UTC + 20 * SECOND_NS)
FEED = Role.PRICE_FEED.at("coinbase")
KEYS = {
    "mode",
    "duration_s",
    "venues",
    "signals",
    "orders",
    "positions",
    "equity",
    "cash",
    "wallets",
    "realized_pnl",
    "unrealized_pnl",
    "fees",
    "funding",
    "funding_paid",
    "pnl_after_fees",
    "net",
    "corrections",
    "dead_letters",
    "recordings",
    "restarts",
    "actors",
    "reconciled",
    "halts",
    "waiting",
    "account",
    "refused",
    "declined",
    "external_orders",
    "alarms",
    "alarms_raised",
    "equity_complete",
    "equity_missing",
    "latency_us",
}


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard(("coinbase",), "DEMO", Instant(MONO, UTC))


def report(role: str, incarnation: int = 1, latency_ns: int = 0, **counters: int) -> ActorReported:
    latency = Histogram()
    if latency_ns:
        latency.record(latency_ns)
    return ActorReported(
        ts_event=UTC,
        role=role,
        incarnation=incarnation,
        counters=counters,
        lag_ns=0,
        hops=Histogram().snapshot(),
        latency=latency.snapshot(),
    )


def test_a_board_that_heard_nothing_tells_every_key_of_the_contract(board: StatusBoard) -> None:
    status = board.status(NOW)

    assert status.keys() == KEYS
    assert status["duration_s"] == 20.0
    assert status["reconciled"] is False


def test_the_newest_report_of_an_incarnation_counts_not_the_sum(board: StatusBoard) -> None:
    board.on_actor(report(FEED, quotes=10))
    board.on_actor(report(FEED, quotes=25))

    assert board.status(NOW)["venues"]["coinbase"]["quotes"] == 25


def test_counts_survive_the_restart_of_the_actor_that_counted(board: StatusBoard) -> None:
    board.on_actor(report(FEED, incarnation=1, quotes=10))

    assert board.on_actor(report(FEED, incarnation=2, quotes=3)) is True

    assert board.status(NOW)["venues"]["coinbase"]["quotes"] == 13


def test_counts_survive_the_restart_of_the_monitor(board: StatusBoard) -> None:
    board.on_actor(report(FEED, incarnation=1, quotes=10))
    board.on_actor(report(FEED, incarnation=2, quotes=3))
    successor = StatusBoard(("coinbase",), "DEMO", Instant(MONO, UTC))

    successor.adopt(board.kept_totals(UTC))
    successor.on_actor(report(FEED, incarnation=2, quotes=4))

    assert successor.status(NOW)["venues"]["coinbase"]["quotes"] == 14


def test_what_became_of_signals_is_counted_over_every_restart(board: StatusBoard) -> None:
    board.on_actor(report(Role.PORTFOLIO, incarnation=1, decision_opened=2, decision_no_position=15, busy=1))
    board.on_actor(report(Role.PORTFOLIO, incarnation=2, decision_opened=1))
    successor = StatusBoard(("coinbase",), "DEMO", Instant(MONO, UTC))

    successor.adopt(board.kept_totals(UTC))
    successor.on_actor(report(Role.PORTFOLIO, incarnation=2, decision_opened=2))

    assert board.view(NOW)["decisions"] == {"opened": 3, "no_position": 15}
    assert successor.view(NOW)["decisions"] == {"opened": 4, "no_position": 15}


def test_the_worst_breaker_of_a_venue_is_shown(board: StatusBoard) -> None:
    for operation, state in ((Operation.DATA, BreakerState.OPEN), (Operation.SUBMIT, BreakerState.CLOSED)):
        board.hear(BreakerChanged(ts_event=UTC, venue="coinbase", operation=operation, state=state))

    assert board.status(NOW)["venues"]["coinbase"]["breaker"] == "open"


@pytest.mark.parametrize(("trouble", "prices"), [("", "good"), ("gapped_quote", "gapped_quote")])
def test_a_venue_tells_whether_its_prices_are_traded_on(board: StatusBoard, trouble: str, prices: str) -> None:
    unheard = board.status(NOW)["venues"]["coinbase"]
    board.hear(
        VenueReported(
            ts_event=UTC,
            venue="coinbase",
            state="connected",
            trouble=trouble,
            quotes=0,
            trades=0,
            reconnects=0,
            gaps=0,
            decode_errors=0,
            last_prices={},
            last_read_ns=0,
            alive_ns=0,
        )
    )
    heard = board.status(NOW)["venues"]["coinbase"]

    assert (unheard["stream"], unheard["prices"]) == ("disconnected", "no_quote")
    assert (heard["stream"], heard["prices"]) == ("connected", prices)


def test_restarts_add_up_over_the_roster(board: StatusBoard) -> None:
    line = ActorLine(pid=7, incarnation=3, restarts=2, state="up")
    board.hear(RosterReported(ts_event=UTC, actors={FEED: line, Role.MONITOR: line}))

    status = board.status(NOW)

    assert status["restarts"] == 4
    assert status["actors"][FEED] == {"pid": 7, "restarts": 2, "state": "up"}


def test_tick_to_order_comes_from_the_reported_latencies(board: StatusBoard) -> None:
    board.on_actor(report(Role.EXCHANGE_GATEWAY.at("coinbase"), latency_ns=2_000_000))

    road = board.status(NOW)["latency_us"]["tick_to_order"]

    assert road["count"] == 1
    assert 1900 < road["p50"] < 2100


def test_the_orders_are_the_routers_own_words(board: StatusBoard) -> None:
    board.hear(
        orders_reported(
            counts={"submitted": 4, "filled": 3},
            by_venue={"coinbase": {"orders": 4, "fills": 5}},
            corrections=1,
        )
    )

    status = board.status(NOW)

    assert (status["orders"]["submitted"], status["orders"]["filled"], status["orders"]["open"]) == (4, 3, 0)
    assert status["venues"]["coinbase"]["fills"] == 5
    assert (status["corrections"], status["reconciled"]) == (1, True)


def test_a_halt_is_told_with_its_scope_reason_and_time(board: StatusBoard) -> None:
    board.hear(orders_reported(halts=(HaltLine(scope="coinbase", reason="daily_loss", since=UTC, kind="daily_loss"),)))

    assert board.status(NOW)["halts"] == [
        {
            "scope": "coinbase",
            "reason": "daily_loss",
            "since": "2026-05-28T20:26:40Z",
            "ends_when": "",
            "kind": "daily_loss",
        }
    ]


def test_alarms_are_told_with_their_times_and_survive_the_monitor(board: StatusBoard) -> None:
    for at_s in (0, 5):
        board.on_alarm(AlarmRaised(ts_event=UTC + at_s * SECOND_NS, subject="nz-7", text="unconfirmed"))
    successor = StatusBoard(("coinbase",), "DEMO", Instant(MONO, UTC))

    successor.adopt(board.kept_totals(UTC))

    status = successor.status(NOW)
    assert status["alarms"] == [
        {
            "text": "unconfirmed",
            "subject": "nz-7",
            "first": "2026-05-28T20:26:40Z",
            "last": "2026-05-28T20:26:45Z",
            "count": 2,
            "over": "",
        }
    ]
    assert status["alarms_raised"] == 2


def test_money_is_told_after_fees_and_says_what_the_equity_lacks(board: StatusBoard) -> None:
    unheard = board.status(NOW)
    board.hear(
        PortfolioReported(
            ts_event=UTC,
            positions=(),
            net={},
            equity="9980.64",
            cash="9582.06",
            realized_pnl="-0.27761351",
            unrealized_pnl="0.06680993",
            fees="19.14672118",
            is_complete=False,
            journal_seq=9,
            missing=("SOL-USD",),
            asked_prices={"coinbase:DOGE-USD": "0.2"},
            asked_ns={"coinbase:DOGE-USD": MONO},
        )
    )
    heard = board.status(NOW)

    assert heard["pnl_after_fees"] == "-19.35752476"
    assert board.view(NOW)["prices"] == {"coinbase:DOGE-USD (asked)": {"mid": "0.2", "age_ms": 20_000}}
    assert (heard["equity_complete"], heard["equity_missing"]) == (False, ["SOL-USD"])
    assert (unheard["equity_complete"], unheard["equity_missing"]) == (False, ["not reported yet"])
