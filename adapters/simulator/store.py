"""The simulated venues' memory on disk (SQLite, WAL): an account of each, and the markets as they were left.

Each save is one transaction with what changed since the one before: whatever moment a process dies at, the
next one finds accounts and markets as of one moment. One process at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.market import Market
from adapters.simulator.engine.records import AccountRecord, FundingPayment, ProductRecord, Records, Terms
from adapters.simulator.engine.tape import Print
from adapters.simulator.engine.venue_order import Fill, VenueOrder
from adapters.storage.own_files import require_own_database
from domain.errors import InvalidSetting
from domain.instant import SECOND_NS
from domain.numbers import plain

ACCOUNT_FILE = "simulator.sqlite"
SCHEMA_VERSION = 3
MARKET_EVERY_NS = SECOND_NS // 2  # a kill loses so much of the public tape, and nothing of the account
TABLES = ("account", "orders", "fills", "funding", "products", "prints")

_ACCOUNTS = """
CREATE TABLE account (venue TEXT PRIMARY KEY, saved_ns INTEGER NOT NULL, terms TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE orders (venue TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (venue, number))
    WITHOUT ROWID;
CREATE TABLE fills (
    venue TEXT NOT NULL, number INTEGER NOT NULL, entry_id TEXT NOT NULL, trade_id TEXT NOT NULL,
    order_id TEXT NOT NULL, price TEXT NOT NULL, quantity TEXT NOT NULL, fee TEXT NOT NULL,
    is_maker INTEGER NOT NULL, time_ns INTEGER NOT NULL, PRIMARY KEY (venue, number)
) WITHOUT ROWID;
CREATE TABLE funding (venue TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (venue, number))
    WITHOUT ROWID;
"""

_MARKETS = """
CREATE TABLE products (product_id TEXT PRIMARY KEY, latent REAL NOT NULL, next_trade_id INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE prints (
    time_ns INTEGER NOT NULL, product_id TEXT NOT NULL, trade_id INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (time_ns, product_id, trade_id)
) WITHOUT ROWID;
"""

# Version 1 knew Coinbase alone and called its products by their plain names.
_FROM_VERSION_1 = """
UPDATE products SET product_id = 'coinbase:' || product_id;
UPDATE prints SET product_id = 'coinbase:' || product_id;
"""

# Until version 2 Coinbase alone had an account.
_FROM_VERSION_2 = f"""
ALTER TABLE account RENAME TO former_account;
ALTER TABLE orders RENAME TO former_orders;
ALTER TABLE fills RENAME TO former_fills;
{_ACCOUNTS}
INSERT INTO account SELECT 'coinbase', saved_ns, terms FROM former_account;
INSERT INTO orders SELECT 'coinbase', number, body FROM former_orders;
INSERT INTO fills SELECT 'coinbase', number, entry_id, trade_id, order_id, price, quantity, fee, is_maker, time_ns
    FROM former_fills;
DROP TABLE former_account;
DROP TABLE former_orders;
DROP TABLE former_fills;
"""
_STEPS = {0: _ACCOUNTS + _MARKETS, 1: _FROM_VERSION_1 + _FROM_VERSION_2, 2: _FROM_VERSION_2}  # from a version to ours

_encode = msgspec.json.Encoder().encode
_decode_terms = msgspec.json.Decoder(Terms).decode
_decode_order = msgspec.json.Decoder(VenueOrder).decode
_decode_funding = msgspec.json.Decoder(FundingPayment).decode
_decode_print = msgspec.json.Decoder(Print).decode


def has_account(directory: Path) -> bool:
    """Tell whether an account is kept there, or something of which only `SqliteStore` can tell why it is none."""
    path = directory / ACCOUNT_FILE
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        return False  # beside an empty file SQLite drops the log, too
    try:
        require_own_database(path)
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            (accounts,) = database.execute("SELECT count(*) FROM account").fetchone()
            return bool(accounts)
    except OSError:
        return True
    except sqlite3.Error as error:
        return not str(error).startswith("no such table")


class _Kept(NamedTuple):
    """How much of an account is on disk."""

    revisions: int = 0  # of this life of the exchange; every fill revises its order
    fills: int = 0  # of all its lives
    funding: int = 0  # likewise

    @staticmethod
    def of(exchange: Exchange) -> _Kept:
        return _Kept(len(exchange.revisions), len(exchange.fills), len(exchange.funding))


class SqliteStore:
    """Follows one world at a time: the one that began with what `load` returned."""

    def __init__(self, path: Path, keep_tape_s: float, is_fresh: bool = False) -> None:
        """Open or create the file.

        Args:
            keep_tape_s: prints older than this are forgotten.
            is_fresh: forget everything first.

        Raises:
            InvalidSetting: it cannot be used, or another simulator is using it.
        """
        self._keep_tape_ns = int(keep_tape_s * SECOND_NS)
        self._kept: dict[str, _Kept] = {}  # venue -> of its account
        self._prints_kept: dict[str, int] = {}  # "coinbase:BTC-USD" -> newest trade id
        self._market_due_ns = 0
        try:
            # Transactions are explicit, so that one save is one of them.
            require_own_database(path)
            self._database = sqlite3.connect(path, timeout=2.0, isolation_level=None)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._adopt_schema(path, is_fresh)
        except OSError as error:
            raise InvalidSetting(
                f"system.data_directory: {error.filename} {error.strerror}: it must be a file of ours"
            ) from None
        except sqlite3.Error as error:
            raise InvalidSetting(
                f"system.data_directory: {str(path)!r} must be an account no other simulator uses ({error})"
            ) from None

    def _adopt_schema(self, path: Path, is_fresh: bool) -> None:
        self._database.execute("BEGIN EXCLUSIVE")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version not in (*_STEPS, SCHEMA_VERSION) and not is_fresh:
            raise InvalidSetting(
                f"system.data_directory: {str(path)!r} was written by another version of nzeza ({version}, "
                f"this one reads {SCHEMA_VERSION}); move or remove the directory to start afresh"
            )
        if version and is_fresh:
            for table in TABLES:
                self._database.execute(f"DROP TABLE IF EXISTS {table}")
        script = _STEPS.get(0 if is_fresh else version, "")
        for statement in script.split(";")[:-1]:
            self._database.execute(statement)
        self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._database.execute("COMMIT")

    # ---- reading -----------------------------------------------------------------------------------------

    def load(self) -> Records | None:
        """Return what was kept, for a new life of the world; None when there is no account yet."""
        rows = self._database.execute("SELECT venue, saved_ns, terms FROM account ORDER BY venue").fetchall()
        if not rows:
            return None
        accounts = {venue: self._load_account(venue, terms) for venue, _, terms in rows}
        self._kept = {venue: _Kept(0, len(one.fills), len(one.funding)) for venue, one in accounts.items()}
        products = dict(self._load_products())
        self._prints_kept = {name: one.prints[-1].trade_id for name, one in products.items() if one.prints}
        self._market_due_ns = 0
        return Records(max(saved_ns for _, saved_ns, _ in rows), accounts, products)

    def _load_account(self, venue: str, terms: str) -> AccountRecord:
        orders = tuple(_decode_order(body) for body in self._bodies("orders", venue))
        funding = tuple(_decode_funding(body) for body in self._bodies("funding", venue))
        return AccountRecord(_decode_terms(terms), orders, tuple(self._load_fills(venue, orders)), funding)

    def _bodies(self, table: str, venue: str) -> Iterator[str]:
        rows = self._database.execute(f"SELECT body FROM {table} WHERE venue = ? ORDER BY number", (venue,))
        return (body for (body,) in rows)

    def _load_fills(self, venue: str, orders: Iterable[VenueOrder]) -> Iterator[Fill]:
        by_id = {order.order_id: order for order in orders}
        for row in self._database.execute("SELECT * FROM fills WHERE venue = ? ORDER BY number", (venue,)):
            _, number, entry_id, trade_id, order_id, price, quantity, fee, is_maker, time_ns = row
            money = Decimal(price), Decimal(quantity), Decimal(fee)
            yield Fill(number, entry_id, trade_id, by_id[order_id], *money, bool(is_maker), time_ns)

    def _load_products(self) -> Iterator[tuple[str, ProductRecord]]:
        for product_id, latent, next_trade_id in self._database.execute("SELECT * FROM products").fetchall():
            rows = self._database.execute(
                "SELECT body FROM prints WHERE product_id = ? ORDER BY trade_id", (product_id,)
            )
            prints = tuple(_decode_print(body) for (body,) in rows)
            yield product_id, ProductRecord(latent, next_trade_id, prints)

    # ---- writing -----------------------------------------------------------------------------------------

    def follow(self, exchanges: Mapping[str, Exchange], markets: Iterable[Market]) -> None:
        """Save if an account changed since the last save, or if that was long ago."""
        has_changed = any(_Kept.of(one) != self._kept.get(venue) for venue, one in exchanges.items())
        if has_changed or any(one.now_ns >= self._market_due_ns for one in exchanges.values()):
            self.save(exchanges, markets)

    def save(self, exchanges: Mapping[str, Exchange], markets: Iterable[Market]) -> None:
        """Write what changed since the last save: all of it, or on an error nothing.

        Args:
            exchanges: venue -> what keeps its account. All are on one agenda.
        """
        products = {one.instrument.key: one for market in markets for one in market.products.values()}
        now_ns = max(exchange.now_ns for exchange in exchanges.values())
        prints = [
            (one.time_ns, product_id, one.trade_id, _text(one))
            for product_id, product in products.items()
            for one in product.tape.since(self._prints_kept.get(product_id, 0))
        ]
        with self._database:
            self._database.execute("BEGIN")
            for venue, exchange in exchanges.items():
                self._save_account(venue, exchange)
            self._replace("products", [(name, one.latent, one.book.next_trade_id) for name, one in products.items()])
            self._replace("prints", prints)
            self._database.execute("DELETE FROM prints WHERE time_ns < ?", (now_ns - self._keep_tape_ns,))
        self._kept = {venue: _Kept.of(exchange) for venue, exchange in exchanges.items()}
        self._prints_kept = {name: one.tape.last_trade_id for name, one in products.items()}
        self._market_due_ns = now_ns + MARKET_EVERY_NS

    def _save_account(self, venue: str, exchange: Exchange) -> None:
        kept = self._kept.get(venue, _Kept())
        revised = dict.fromkeys(exchange.revisions[kept.revisions :])
        orders = [exchange.orders[order_id] for order_id in revised]
        funding = enumerate(exchange.funding[kept.funding :], kept.funding + 1)
        self._replace("account", [(venue, exchange.now_ns, _text(exchange.terms))])
        self._replace("orders", [(venue, order.number, _text(order)) for order in orders])
        self._replace("fills", [(venue, *_fill_row(fill)) for fill in exchange.fills[kept.fills :]])
        self._replace("funding", [(venue, number, _text(paid)) for number, paid in funding])

    def _replace(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)

    def close(self) -> None:
        self._database.close()


def _text(value: Any) -> str:
    return _encode(value).decode()


def _fill_row(fill: Fill) -> tuple[Any, ...]:
    return (
        fill.number,
        fill.entry_id,
        fill.trade_id,
        fill.order.order_id,
        plain(fill.price),
        plain(fill.quantity),
        plain(fill.fee),
        fill.is_maker,
        fill.time_ns,
    )
