"""The status object that the launcher prints, put together from what the actors report.

Every number is somebody's counter; nothing is estimated here. Actors count from the start of their incarnation, so
the board adds up what earlier incarnations had counted: "since the start" survives their restarts.
"""

from __future__ import annotations

from collections import Counter, deque
from decimal import Decimal
from typing import Any

from domain.account_binding import NO_ACCOUNT
from domain.effects import Role
from domain.instant import Instant
from domain.messages.budgets import BudgetsReported
from domain.messages.halts import HaltLine
from domain.messages.signals import Signal
from domain.messages.system import (
    ActorReported,
    AlarmOver,
    AlarmRaised,
    BreakerChanged,
    BreakerReported,
    BreakerState,
    FundingLine,
    OrdersReported,
    PortfolioReported,
    RosterReported,
    TotalsKept,
    VenueReported,
)
from domain.numbers import plain
from domain.reports.alarm_book import AlarmBook
from domain.reports.histogram import Histogram
from domain.stamps import iso_utc
from domain.streams.session_states import SessionState

_SEVERITY = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN)
_ORDER_COUNTS = (
    "submitted",
    "accepted",
    "filled",
    "canceled",
    "rejected",
    "denied",
    "expired",
    "unconfirmed",
    "open",
)
_FEED_COUNTS = ("quotes", "trades", "reconnects", "gaps", "decode_errors")
DECISION = "decision_"  # what the portfolio's counters of "opened", "closed", "stale_quote", ... begin with
_SIGNALS_SHOWN = 8
_ZERO = plain(Decimal(0))


class StatusBoard:
    """The newest word of everybody, and the object made of it."""

    def __init__(self, venues: tuple[str, ...], mode: str, started: Instant, account: str = NO_ACCOUNT) -> None:
        """Args:
        mode: what every screen is labelled with.
        account: whose money it is: "simulated", "live" or "none".
        """
        self.account = account
        self.venues = venues
        self.mode = mode
        self.started = started
        self.reports: dict[str, ActorReported] = {}  # role -> newest of its current incarnation
        self.earlier: dict[str, Counter[str]] = {}  # role -> totals of incarnations that are gone
        self.feeds: dict[str, VenueReported] = {}  # venue -> newest
        self.breakers: dict[tuple[str, str], BreakerState] = {}  # (venue, operation) -> state
        self.budgets: dict[str, BudgetsReported] = {}  # venue -> newest
        self.breaker_reports: dict[tuple[str, str], BreakerReported] = {}  # (venue, operation) -> newest
        self.orders: OrdersReported | None = None
        self.portfolio: PortfolioReported | None = None
        self.roster: RosterReported | None = None
        self.signals: deque[Signal] = deque(maxlen=_SIGNALS_SHOWN)
        self.alarms = AlarmBook()

    # ---- hearing -----------------------------------------------------------------------------------------

    def on_actor(self, report: ActorReported) -> bool:
        """Keep a report; returns True when it is the first of a new incarnation."""
        before = self.reports.get(report.role)
        self.reports[report.role] = report
        if before is None or before.incarnation == report.incarnation:
            return False
        self.earlier.setdefault(report.role, Counter()).update(before.counters)
        return True

    def on_alarm(self, alarm: AlarmRaised) -> bool:
        """Note an alarm; returns True when it is not a repetition."""
        return self.alarms.hear(alarm)

    def on_alarm_over(self, event: AlarmOver) -> bool:
        """Note that an alarm is over; returns True when that is news."""
        return self.alarms.end(event)

    def hear(self, event: Any) -> None:
        match event:
            case VenueReported():
                self.feeds[event.venue] = event
            case BudgetsReported():
                self.budgets[event.venue] = event
            case BreakerReported():
                self.breaker_reports[event.venue, event.operation] = event
            case BreakerChanged():
                self.breakers[event.venue, event.operation] = event.state
            case OrdersReported():
                self.orders = event
            case PortfolioReported():
                self.portfolio = event
            case RosterReported():
                self.roster = event
            case Signal():
                self.signals.appendleft(event)

    def kept_totals(self, utc_ns: int) -> TotalsKept:
        """Return what the next monitor could not learn from anybody alive."""
        return TotalsKept(
            ts_event=utc_ns,
            totals={role: dict(counts) for role, counts in self.earlier.items()},
            alarms=tuple(self.alarms.lines()),
            alarms_raised=self.alarms.raised,
        )

    def adopt(self, kept: TotalsKept) -> None:
        """Take over what an earlier monitor had kept."""
        for role, counts in kept.totals.items():
            self.earlier[role] = Counter(counts)
        self.alarms.adopt(kept.alarms, kept.alarms_raised)

    def totals(self, role: str) -> Counter[str]:
        """Return a role's counters since the start, over all its incarnations."""
        total = Counter(self.earlier.get(role, {}))
        if role in self.reports:
            total.update(self.reports[role].counters)
        return total

    @property
    def journal_seq(self) -> int:
        """Return up to which entry of the journal both router and portfolio have reported."""
        heard = (self.orders, self.portfolio)
        return min((report.journal_seq if report else 0) for report in heard)

    # ---- telling -----------------------------------------------------------------------------------------

    def status(self, now: Instant) -> dict[str, Any]:
        """Return what `nzeza run --json` prints at the end and `nzeza status --json` at any time."""
        actors = self.roster.actors if self.roster else {}
        return {
            "mode": self.mode,
            "duration_s": round((now.monotonic_ns - self.started.monotonic_ns) / 1e9, 3),
            "venues": {venue: self._venue(venue) for venue in self.venues},
            "signals": self.totals(Role.SIGNAL_ENGINE)["signals"],
            "orders": {name: self.orders.counts.get(name, 0) if self.orders else 0 for name in _ORDER_COUNTS},
            "account": self.account,
            **self._money(),
            "corrections": self.orders.corrections if self.orders else 0,
            "dead_letters": self.totals(Role.DEAD_LETTERS)["dead_letters"],
            "recordings": {word: self._recordings(word) for word in ("lost", "stopped")},
            "restarts": sum(line.restarts for line in actors.values()),
            "actors": {
                role: {"pid": line.pid, "restarts": line.restarts, "state": line.state} for role, line in actors.items()
            },
            "reconciled": bool(self.orders and self.orders.is_reconciled),
            **self._troubles(),
            "latency_us": self._latency(),
        }

    def metrics(self) -> dict[str, Any]:
        """Return what only machines want to know: every counter of every actor, all about the breakers."""
        return {
            "counters": {role: dict(self.totals(role)) for role in sorted(self.reports)},
            "breakers": [_fields(report) for _, report in sorted(self.breaker_reports.items())],
            "budgets": {
                venue: {line.name: {"left": line.left, "burst": line.burst} for line in told.lines}
                for venue, told in sorted(self.budgets.items())
            },
            "stream_quality": {venue: feed.stream_quality for venue, feed in self.feeds.items()},
        }

    def view(self, now: Instant) -> dict[str, Any]:
        """Return what only the screen shows."""
        return {
            "mode": self.mode,
            "uptime_s": (now.monotonic_ns - self.started.monotonic_ns) / 1e9,
            "connections": {venue: feed.state for venue, feed in self.feeds.items()},
            "prices": self._prices(now),
            "signals": [
                {
                    "instrument": f"{signal.venue}:{signal.instrument}",
                    "side": signal.side.value,
                    "confidence": signal.confidence,
                    "age_s": (now.utc_ns - signal.ts_event) / 1e9,
                    "strategies": list(signal.strategies),
                }
                for signal in self.signals
            ],
            "open_orders": [_fields(line) for line in self.orders.open_orders] if self.orders else [],
            "positions": [_fields(line) for line in self.portfolio.positions] if self.portfolio else [],
            "decisions": self._decisions(),
            "actors": self._actors(),
        }

    def _decisions(self) -> dict[str, int]:
        """Return why signals were traded or not, and how many."""
        counters = self.totals(Role.PORTFOLIO)
        return {name.removeprefix(DECISION): count for name, count in counters.items() if name.startswith(DECISION)}

    def _prices(self, now: Instant) -> dict[str, Any]:
        """Return the newest prices of the streams, and those that were asked for, marked as such."""
        prices = {
            f"{venue}:{name}": {"mid": mid, "age_ms": (now.monotonic_ns - feed.alive_ns) // 1_000_000}
            for venue, feed in self.feeds.items()
            for name, mid in feed.last_prices.items()
        }
        if self.portfolio is not None:
            for key, mid in self.portfolio.asked_prices.items():
                age_ms = (now.monotonic_ns - self.portfolio.asked_ns[key]) // 1_000_000
                prices[f"{key} (asked)"] = {"mid": mid, "age_ms": age_ms}
        return prices

    def _recordings(self, word: str) -> int:
        return sum(self.totals(Role.PRICE_FEED.at(venue))[f"recordings_{word}"] for venue in self.venues)

    def _venue(self, venue: str) -> dict[str, Any]:
        feed = self.totals(Role.PRICE_FEED.at(venue))
        orders = self.orders.by_venue.get(venue, {}) if self.orders else {}
        states = [state for (at, _), state in self.breakers.items() if at == venue]
        newest = self.feeds.get(venue)
        return {
            "stream": newest.state if newest else SessionState.DISCONNECTED.value,
            "prices": (newest.trouble if newest else "no_quote") or "good",
            **{name: feed[name] for name in _FEED_COUNTS},
            "orders": orders.get("orders", 0),
            "fills": orders.get("fills", 0),
            "breaker": max(states, key=_SEVERITY.index, default=BreakerState.CLOSED).value,
            "clock_error_s": newest.clock_error_s if newest else 0.0,
            "left_out": list(newest.left_out) if newest else [],
        }

    def _money(self) -> dict[str, Any]:
        portfolio = self.portfolio
        if portfolio is None:
            return {
                "positions": {},
                "equity": _ZERO,
                "cash": _ZERO,
                "wallets": {},
                "realized_pnl": _ZERO,
                "unrealized_pnl": _ZERO,
                "fees": _ZERO,
                "funding": _ZERO,
                "funding_paid": [],
                "pnl_after_fees": _ZERO,
                "net": {},
            }
        gross = Decimal(portfolio.realized_pnl) + Decimal(portfolio.unrealized_pnl)
        return {
            "positions": {line.key: line.quantity for line in portfolio.positions},
            "equity": portfolio.equity,
            "cash": portfolio.cash,
            "wallets": dict(portfolio.wallets),
            "realized_pnl": portfolio.realized_pnl,
            "unrealized_pnl": portfolio.unrealized_pnl,
            "fees": portfolio.fees,
            "funding": portfolio.funding,
            "funding_paid": [_funding_fields(line) for line in portfolio.funding_lines],
            "pnl_after_fees": plain(gross - Decimal(portfolio.fees) + Decimal(portfolio.funding)),
            "net": dict(portfolio.net),
        }

    def _troubles(self) -> dict[str, Any]:
        """Return what no surface may hide: halts, alarms, and that the equity is only a part of it."""
        halts = self.orders.halts if self.orders else ()
        missing = list(self.portfolio.missing) if self.portfolio else ["not reported yet"]
        return {
            "halts": [halt_fields(halt) for halt in halts],
            "waiting": [_fields(line) for line in self.orders.waiting] if self.orders else [],
            "refused": dict(self.orders.refused) if self.orders else {},
            "declined": dict(self.portfolio.declined) if self.portfolio else {},
            "external_orders": self.orders.external_orders if self.orders else 0,
            "alarms": [
                {
                    "text": line.text,
                    "subject": line.subject,
                    "first": iso_utc(line.first),
                    "last": iso_utc(line.last),
                    "count": line.count,
                    "over": iso_utc(line.over),
                }
                for line in self.alarms.lines()
            ],
            "alarms_raised": self.alarms.raised,
            "equity_complete": not missing,
            "equity_missing": missing,
        }

    def _latency(self) -> dict[str, Any]:
        road, hops = Histogram(), Histogram()
        for report in self.reports.values():
            road.merge(report.latency)
            hops.merge(report.hops)
        return {
            "tick_to_order": {
                "count": road.count,
                "p50": road.percentile_us(0.50),
                "p99": road.percentile_us(0.99),
            },
            "hop": {"p50": hops.percentile_us(0.50), "p99": hops.percentile_us(0.99)},
        }

    def _actors(self) -> dict[str, Any]:
        lines = self.roster.actors if self.roster else {}
        lags = {role: report.lag_ns / 1e6 for role, report in self.reports.items()}
        return {
            role: {
                "pid": line.pid,
                "restarts": line.restarts,
                "state": line.state,
                "lag_ms": lags.get(role),
            }
            for role, line in lines.items()
        }


def halt_fields(halt: HaltLine) -> dict[str, str]:
    """Return a halt as every JSON tells it."""
    told = {"scope": halt.scope, "reason": halt.reason, "since": iso_utc(halt.since)}
    return {**told, "ends_when": halt.ends_when, "kind": halt.kind}


def _funding_fields(line: FundingLine) -> dict[str, str]:
    """Return what one perpetual has paid or cost, as JSON tells it."""
    return {
        "instrument": line.key,
        "amount": line.amount,
        "currency": line.currency,
        "newest_rate": line.rate,
        "newest_quantity": line.quantity,
        "newest": iso_utc(line.paid_at),
    }


def _fields(line: Any) -> dict[str, Any]:
    return {name: getattr(line, name) for name in line.__struct_fields__}
