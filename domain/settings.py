"""Every setting, as frozen structs: default, unit, bounds. Reading files and environment: `adapters/settings/load.py`.

The defaults are those of the `standard` profile: careful values for real markets. `PROFILES` holds what the other
profiles change.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, dataclass_transform

from msgspec import Meta, Struct, field

from domain.instant import SECOND_NS

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the configuration file: unknown keys are errors."""


class SystemSettings(Section):
    """`[system]`: this run and its processes."""

    profile: Literal["demo", "standard"] = "demo"  # demo: 1 s candles on the simulated market, labelled DEMO
    data_directory: str = "nzeza-data"  # relative to the working directory; journal, history, control socket
    # Local sockets that only this user can enter, or Thespian's own TCP base, for several hosts: that one listens
    # on all interfaces and executes what it is sent, so it needs a firewall.
    actor_base: Literal["multiprocUnixBase", "multiprocTCPBase"] = "multiprocUnixBase"
    admin_port: Port = 0  # names the actor system, and is its port on the TCP base; 0 = any free port
    stop_within_s: Positive = 3.0
    report_every_s: Positive = 0.5  # each actor's counters to the monitor
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    journal_synchronous: Literal["normal", "full"] = "normal"  # full: also survives a power cut, slower; live is full


class SupervisionSettings(Section):
    """`[supervision]`: when actors are restarted, and when that is given up."""

    hello_within_s: Positive = 4.0  # a started actor must report by then, where its process can't be watched
    rebuild_within_s: Positive = 120.0  # then it must have its state back: a long journal takes its time
    backoff_first_s: Positive = 0.02
    backoff_cap_s: Positive = 1.0
    stable_after_s: Positive = 5.0  # a run this long resets the backoff
    restarts_per_minute: Count = 10  # over it: halt and escalate
    hung_after_s: Positive = 3.0  # an actor that gives no sign of life for so long is replaced


class VenueSettings(Section):
    """One venue. `mode` decides who is behind the wire."""

    mode: Literal["simulated", "live"] = "simulated"
    takes_orders: bool = True  # false: its prices are shown and make signals, but no order is ever sent there
    instruments: tuple[str, ...] = ("BTC-USD", "ETH-USD", "SOL-USD")
    # Of these: positions are priced, protected and closed, never opened. The start adds, to both lists, what is still
    # held and not among the instruments any more.
    closes_only: tuple[str, ...] = ()
    rest_url: str = ""  # empty: the venue's own; always the simulator's where mode is "simulated", as the next ones
    market_stream_url: str = ""
    private_stream_url: str = ""
    stream_token_file: str = ""  # bearer token for the streams' upgrade, read at each dial; empty: none
    api_key_env: str = ""  # names of environment variables; the secrets themselves never enter settings
    api_secret_env: str = ""
    key_file: str = ""  # JSON with "name" and "privateKey", instead of the two above
    request_timeout_s: Positive = 5.0
    connect_timeout_s: Positive = 5.0
    requests_per_second: Positive = 25.0  # our own budget, below the venue's limit
    workers: Count = 8  # threads for REST calls; at most half of them read, and one always is for what reduces risk
    heartbeat_timeout_s: Positive = 3.0  # proof of life older than this = stale prices
    book_timeout_s: Positive = 10.0  # a book that says nothing for so long is stale, whatever else speaks
    order_token_ttl_s: Positive = 30.0  # lifetime of the token that authorises a create
    reducing_token_ttl_s: Positive = 5.0  # the same of one that reduces risk: sooner proven dead, sooner repeated
    read_lag_s: NotNegative = 15.0  # what a read shows may be as old as this

    def create_ttl_s(self, is_reducing: bool) -> float:
        """Return for how long the token of a create lives: no later can the venue accept it."""
        return min(self.order_token_ttl_s, self.reducing_token_ttl_s) if is_reducing else self.order_token_ttl_s

    @property
    def read_lag_ns(self) -> int:
        return round(self.read_lag_s * SECOND_NS)


class SimulatedAccounts(Section):
    """What a new account holds at each simulated venue of perpetuals, by currency."""

    dydx: dict[str, Decimal] = field(default_factory=lambda: {"USDC": Decimal("10000")})
    hyperliquid: dict[str, Decimal] = field(default_factory=lambda: {"USDC": Decimal("10000")})


class SimulatorSettings(Section):
    """`[simulator]`: the market and the accounts that are played here. Fees are ratios of the notional."""

    seed: int = 1
    port_base: Port = 0  # control at port_base, venues after it; 0 = any free ports
    warm_up_s: NotNegative = 90.0  # market history printed before the first client connects
    quotes_per_s: Positive = 25.0  # book updates per product
    trades_per_s: Positive = 6.0  # public prints per product
    volatility: Positive = 0.00025  # standard deviation of the latent log price per square-root second
    latency_min_s: NotNegative = 0.02
    latency_max_s: NotNegative = 0.15
    read_lag_max_s: NotNegative = 0.3  # read-after-write lag of order reads
    taker_fee_ratio: Decimal = Decimal("0.006")
    maker_fee_ratio: Decimal = Decimal("0.004")
    # The account outlives the process. Its fees, above, and its balances are those it was opened with: changed
    # here, they count for the next new account.
    balances: dict[str, Decimal] = field(default_factory=lambda: {"USD": Decimal("10000")})  # at Coinbase
    accounts: SimulatedAccounts = SimulatedAccounts()  # at the others
    fresh_account: bool = False  # forget the account at the start; refused beside a journal that tells of it


class SignalSettings(Section):
    """`[signals]`: candles, strategies and how their votes are weighed."""

    candle_s: Positive = 60.0
    watermark_s: NotNegative = 0.5  # how long a candle waits for late trades
    history: Count = 100  # candles kept per instrument
    weights: dict[str, NotNegative] = field(
        default_factory=lambda: {
            "fast_scalping": 0.4,
            "momentum_scalping": 0.4,
            "conservative_scalping": 0.2,
        }
    )
    winner_above: Ratio = 0.5  # a side must score more than this
    expire_after_s: Positive = 5.0  # a signal older than this is not traded
    strategy_within_s: Positive = 0.5  # a strategy that takes longer over one candle is benched


class RiskSettings(Section):
    """`[risk]`: what may be opened, and what losses halt. Ratios are of equity, unless said otherwise."""

    min_confidence: Ratio = 0.5
    position_ratio: Ratio = 0.02  # of equity per position
    max_position_ratio: Ratio = 0.10
    max_positions_per_instrument: Count = 1
    max_positions: Count = 5
    max_asset_ratio: Ratio = 0.30  # of equity per base asset, over all venues
    max_exposure_ratio: Ratio = 0.8  # sum of notionals over equity
    max_venue_ratio: Ratio = 1.0  # the same of one venue
    max_net_ratio: Ratio = (
        1.0  # of equity per base asset over all venues, longs less shorts, spot and perpetuals summed
    )
    reserve_ratio: Ratio = 0.05  # cash kept back
    max_order_notional: Decimal = Decimal("1000")  # USD: fat finger
    max_price_drift_ratio: Ratio = 0.002  # since the signal
    max_deviation_ratio: Ratio = 0.01  # limit price from own mid
    orders_per_hour: Count = 10
    orders_per_day: Count = 50
    daily_loss_ratio: Ratio = 0.03
    max_drawdown_ratio: Ratio = 0.10
    late_after_s: Positive = 2.0  # offset-corrected lag of a price
    max_clock_error_s: Positive = 2.0  # between our clock and a venue's; beyond it, no openings there
    min_edge_cost_ratio: NotNegative = 2.0  # expected move over round-trip cost; 0 = off
    # Of perpetuals:
    allow_short: bool = False  # a signal to sell may open a short there
    leverage: Annotated[float, Meta(ge=1, le=100)] = 1.0  # notional over margin, at most; a venue may allow less
    margin_mode: Literal["isolated", "cross"] = "isolated"
    # All notionals at one venue over what its account of perpetuals is worth, whatever `leverage` lets each bind.
    max_leverage: Annotated[float, Meta(gt=0, le=100)] = 1.0
    maintenance_ratio: Annotated[float, Meta(gt=0, lt=1)] = 0.05  # of the notional, where a venue tells none


class ProtectionSettings(Section):
    """`[protection]`: the stop and the target of each position (docs/money.md 3). Ratios are of its entry price."""

    stop_loss_ratio: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    take_profit_ratio: Annotated[float, Meta(gt=0, lt=10)] = 0.10
    trigger_collar_ratio: Annotated[float, Meta(gt=0, le=0.1)] = 0.02  # beyond its trigger an order may trade so far
    within_s: Positive = 5.0  # a fill must be covered by then, else the position is closed
    bare_closes: Count = 3  # so many positions in a row closed for want of a stop halt the instrument
    on_exit: Literal["keep_stops", "flatten"] = "keep_stops"


class OrderSettings(Section):
    """`[orders]`: sending, asking and reconciling (docs/money.md 1). Ratios are of the touch."""

    collar_ratio: Annotated[float, Meta(gt=0, le=0.01)] = 0.002  # IOC limit beyond the touch
    close_collar_cap_ratio: Annotated[float, Meta(gt=0, le=0.05)] = 0.05  # closes widen stepwise to this
    send_within_s: Positive = 3.0  # an order that has waited this long to leave is not sent
    acknowledge_within_s: Positive = 6.0  # then UNCONFIRMED; above the request timeout
    intent_expire_after_s: Positive = 5.0
    reducing_expire_after_s: Positive = 60.0  # what reduces risk stays wanted, and is sent again in doubt
    reconcile_every_s: Positive = 5.0
    fills_overlap_s: Positive = 60.0
    fill_rows_within_s: Positive = 60.0  # totals that no fill explains by then stand as they are
    correct_after_s: Positive = 5.0  # two equal snapshots this far apart before a correction
    correction_halts_above: Decimal = Decimal("10")  # USD
    query_delays_s: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # the last repeats
    alarm_after_s: Positive = 30.0  # UNCONFIRMED this long: tell the person
    absent_twice_apart_s: Positive = 10.0  # two full listings without it, after nothing can arrive any more


class BreakerSettings(Section):
    """`[breaker]`: `failures` in a row open it for `open_s`, times `open_factor` each time again; `successes` close it."""

    failures: Count = 5
    open_s: Positive = 30.0
    open_factor: Annotated[float, Meta(ge=1)] = 2.0
    open_cap_s: Positive = 300.0
    successes: Count = 3


class SessionSettings(Section):
    """`[session]`: when a lost stream is dialled again."""

    backoff_base_s: Positive = 1.0
    backoff_factor: Annotated[float, Meta(ge=1)] = 2.0
    backoff_cap_s: Positive = 8.0
    jitter_ratio: Ratio = 0.1
    max_retries: Annotated[int, Meta(ge=0)] = 0  # in a row; then a person must ask. 0 = never give up
    stable_after_s: Positive = 5.0  # connected this long resets the backoff
    first_message_within_s: Positive = 5.0


class MarketDataSettings(Section):
    """`[market_data]`: how prices get from a feed to its readers."""

    credit: Count = 2  # batches in flight per subscriber
    trades_per_batch: Count = 500  # beyond it the oldest are folded into exact bars
    # Per instrument, to warm the candles of a reader that (re)starts; it tells so many apart from new ones.
    trades_remembered: Annotated[int, Meta(ge=1, le=2000)] = 1000


class RecordingSettings(Section):
    """`[recording]`: raw frames on disk."""

    enabled: bool = False  # write every raw frame of the price feeds below the data directory
    rotate_mb: Count = 64  # compressed; then the next file begins
    keep_mb: Count = 4096  # of each venue; then its oldest file goes


class HistorySettings(Section):
    """`[history]`: the rows that people look at later; nothing is decided by them."""

    keep_mb: Count = 1024  # of signals, equity and the like; then the oldest rows go


# What a venue's table holds where the file says nothing. What proves a venue alive comes at the venue's own pace
# (docs/money.md section 5): Coinbase's heartbeats each second, dYdX's blocks, Hyperliquid's books.
VENUES: dict[str, VenueSettings] = {
    "coinbase": VenueSettings(),
    "dydx": VenueSettings(takes_orders=False, heartbeat_timeout_s=5.0),
    "hyperliquid": VenueSettings(takes_orders=False, heartbeat_timeout_s=12.0),
}


class Settings(Section):
    """All of it, one table each. `adapters/settings/rules.py` has what they must be to each other."""

    system: SystemSettings = SystemSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    # What is not configured at all is every venue that this version knows: `adapters/settings/load.py`.
    venues: dict[str, VenueSettings] = field(default_factory=lambda: {"coinbase": VENUES["coinbase"]})
    simulator: SimulatorSettings = SimulatorSettings()
    signals: SignalSettings = SignalSettings()
    risk: RiskSettings = RiskSettings()
    protection: ProtectionSettings = ProtectionSettings()
    orders: OrderSettings = OrderSettings()
    breaker: BreakerSettings = BreakerSettings()
    session: SessionSettings = SessionSettings()
    market_data: MarketDataSettings = MarketDataSettings()
    history: HistorySettings = HistorySettings()
    recording: RecordingSettings = RecordingSettings()

    @property
    def journal_synchronous(self) -> Literal["normal", "full"]:
        """Return how the journal is written: where real money trades, a power cut may take none of it."""
        is_real = any(venue.mode == "live" for venue in self.traded.values())
        return "full" if is_real else self.system.journal_synchronous

    def create_timeout_s(self, venue: str, is_reducing: bool) -> float:
        """Return for how long one try to send an order may take.

        One that hangs must leave time for another before a position has to go for want of a stop.
        """
        timeout_s = self.venues.get(venue, VenueSettings()).request_timeout_s
        return min(timeout_s, self.protection.within_s / 2) if is_reducing else timeout_s

    @property
    def traded(self) -> dict[str, VenueSettings]:
        """Return the venues that take orders."""
        return {name: venue for name, venue in self.venues.items() if venue.takes_orders}


# What a profile changes; the file and the environment are laid over it. Strategies are the same in all.
PROFILES: dict[str, dict[str, dict[str, float | bool]]] = {
    "standard": {},
    "demo": {
        "signals": {"candle_s": 1.0, "winner_above": 0.3},
        "risk": {
            "min_confidence": 0.3,  # reachable by one strategy alone (0.32): see docs/money.md 6
            "orders_per_hour": 2000,
            "orders_per_day": 20000,
            "allow_short": True,
            "min_edge_cost_ratio": 0.0,  # the demo pays its costs; it must not be "right", only alive
            "daily_loss_ratio": 0.5,
            "max_drawdown_ratio": 0.5,
        },
        "protection": {"stop_loss_ratio": 0.01, "take_profit_ratio": 0.015},
        "session": {"backoff_base_s": 0.25, "backoff_cap_s": 2.0},
    },
}
