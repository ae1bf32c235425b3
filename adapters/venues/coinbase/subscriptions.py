"""What one connection to Coinbase is asked for: all at once first, and a product alone when it has trouble.

One product that is not listed has the venue refuse a whole message, and a product whose book doesn't come, or
can't be read, costs the others nothing: it is left out, asked for alone again and again, and back once its
book has come. Refuses to know what channels say.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from domain.instant import SECOND_NS

HEARTBEATS, BOOK = "heartbeats", "level2"
CHANNELS = (BOOK, "ticker", "market_trades", "status")

_PAUSE_NS = SECOND_NS * 6 // 10  # between questions of up to five messages: the venue takes eight a second
_LONGEST_NS = 60 * SECOND_NS  # between two questions for one product
_STEADY_NS = 60 * SECOND_NS  # a book that held for so long has had no trouble


class _Asked:
    """One product: when to ask for it alone. Monotonic nanoseconds."""

    def __init__(self) -> None:
        self.due_ns: int | None = None  # None: its book is there
        self.tries = 0  # alone, since it had no trouble
        self.arrived_ns = 0


class Subscriptions:
    """Of all products, under the names by which they are asked for.

    Attributes:
        left_out: product -> why nobody waits for it; that outlives the connection.
    """

    def __init__(self, products: Mapping[str, Iterable[str]], answer_within_ns: int) -> None:
        """Args:
        products: what to ask for -> the names by which the venue may speak of it.
        answer_within_ns: what a book may take to come.
        """
        self._words = {product: _word(names) for product, names in products.items()}
        self.left_out: dict[str, str] = {}
        self._within_ns = answer_within_ns
        self._asked = {product: _Asked() for product in products}
        self._confirmed: set[tuple[str, str]] = set()  # (channel, product)
        self._waiting: deque[tuple[str, ...]] = deque()  # questions, each some frames
        self._pause_until_ns = 0
        self._is_refused = False  # a message with several products, and no word on which one it was

    def restart(self, now_ns: int) -> tuple[str, ...]:
        """Begin with a new connection: return what to ask for at once."""
        self._confirmed.clear()
        self._waiting.clear()
        self._is_refused = False
        self._pause_until_ns = now_ns + _PAUSE_NS
        for product, asked in self._asked.items():
            wait_ns = self._pause_ns(asked) if product in self.left_out else 0
            asked.due_ns = now_ns + max(wait_ns, self._within_ns)
        # Heartbeats first: they also keep quiet channels open.
        return (_message("subscribe", HEARTBEATS, ()), *self._ask_for(self._wanted()))

    def confirmed(self, channel: str, product: str) -> None:
        self._confirmed.add((channel, product))

    def arrived(self, product: str, now_ns: int) -> None:
        """Note that its book is there."""
        asked = self._asked[product]
        if asked.due_ns is not None:
            asked.due_ns, asked.arrived_ns = None, now_ns
            self.left_out.pop(product, None)

    def lost(self, product: str, now_ns: int) -> None:
        """Ask for a book anew, alone: at once, unless that has not helped before."""
        asked = self._asked[product]
        if asked.due_ns is not None:
            return  # it is being asked for
        if now_ns - asked.arrived_ns >= _STEADY_NS:
            asked.tries = 0
        asked.due_ns = now_ns + (self._pause_ns(asked) if asked.tries else 0)

    def renew(self, product: str) -> None:
        """Have a book told anew that is there."""
        self._waiting.append(self._questions(product))

    def leave_out(self, product: str, reason: str) -> bool:
        """Stop waiting for one; tell whether that is news."""
        is_news = product not in self.left_out
        self.left_out[product] = reason
        return is_news

    def complained(self, text: str, now_ns: int) -> list[str] | None:
        """Learn from an error of the venue.

        Returns:
            The products that it names and that are left out from now on; None when it is about none of ours.
        """
        named = [product for product, word in self._words.items() if word.search(text)]
        if not named:
            self._refuse(now_ns)
        awaited = [product for product in named if self._asked[product].due_ns is not None]
        if not awaited:
            return None
        fresh = [product for product in awaited if self.leave_out(product, text)]
        if fresh and (others := self._unconfirmed()):
            self._waiting.append(self._ask_for(others))  # the venue has refused them together with it
        return fresh

    def take_due(self, now_ns: int) -> tuple[tuple[str, ...], list[str]]:
        """Return the frames to send now, and the products that are left out from now on."""
        late: list[str] = []
        for product, asked in self._asked.items():
            if asked.due_ns is None or now_ns < asked.due_ns:
                continue
            if asked.tries and self.leave_out(product, "no book of it comes"):
                late.append(product)
            self._ask_alone(product, now_ns)
        if not self._waiting or now_ns < self._pause_until_ns:
            return (), late
        self._pause_until_ns = now_ns + _PAUSE_NS
        return self._waiting.popleft(), late

    def _refuse(self, now_ns: int) -> None:
        """Ask for each product alone, once a connection: one of them may have spoiled it for all."""
        others = self._unconfirmed()
        if len(others) > 1 and not self._is_refused:
            self._is_refused = True
            for product in others:
                self._ask_alone(product, now_ns)

    def _ask_alone(self, product: str, now_ns: int) -> None:
        asked = self._asked[product]
        asked.tries += 1
        asked.due_ns = now_ns + max(self._pause_ns(asked), self._within_ns)
        self._waiting.append(self._questions(product))

    def _questions(self, product: str) -> tuple[str, ...]:
        """Return what asks for a book alone, and for all else of it that the venue has not confirmed."""
        channels = [channel for channel in CHANNELS if (channel, product) not in self._confirmed]
        again = [] if BOOK in channels else [_message("unsubscribe", BOOK, (product,))]
        asking = [_message("subscribe", channel, (product,)) for channel in dict.fromkeys((BOOK, *channels))]
        return (*again, *asking)

    def _ask_for(self, products: Sequence[str]) -> tuple[str, ...]:
        return tuple(_message("subscribe", channel, products) for channel in CHANNELS) if products else ()

    def _wanted(self) -> list[str]:
        return [product for product in self._asked if product not in self.left_out]

    def _unconfirmed(self) -> list[str]:
        return [product for product in self._wanted() if (BOOK, product) not in self._confirmed]

    def _pause_ns(self, asked: _Asked) -> int:
        return min(SECOND_NS << min(asked.tries, 6), _LONGEST_NS)


def _word(names: Iterable[str]) -> re.Pattern[str]:
    """Return what finds one of these names in a text, and not as a part of another."""
    any_name = "|".join(re.escape(name) for name in names)
    return re.compile(rf"(?<![\w-])({any_name})(?![\w-])")


def _message(kind: str, channel: str, products: Sequence[str]) -> str:
    message = {"type": kind, "channel": channel, "product_ids": list(products)}
    return msgspec.json.encode(message).decode()
