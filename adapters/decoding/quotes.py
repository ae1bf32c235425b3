"""What the codecs of all venues do with stamps: quotes get the frame's, and what is stamped in the future is refused.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from msgspec.structs import replace

from domain.instant import SECOND_NS, Instant
from domain.market.order_book import Top
from domain.messages.base import Event
from domain.messages.market import DecodeFailed, Quote
from domain.streams.frame_events import BookDelta, BookSnapshot, FrameHead, SubscriptionConfirmed
from domain.streams.venue_time import VenueTime
from domain.text import bounded_bytes

_when = attrgetter("ts_event")
_UNDATED = (FrameHead, SubscriptionConfirmed)  # nothing is kept of when these were said
_BOOKS = (BookSnapshot, BookDelta)


def quote(top: Top, venue: str, instrument: str, ts_event: int, read_ns: int, ts_init: int, is_whole: bool) -> Quote:
    return Quote(
        ts_event=ts_event,
        venue=venue,
        instrument=instrument,
        bid_price=top.bid_price,
        bid_quantity=top.bid_quantity,
        ask_price=top.ask_price,
        ask_quantity=top.ask_quantity,
        ts_init=ts_init,
        read_ns=read_ns,
        is_whole=is_whole,
    )


def believable(
    told: Sequence[Event], time: VenueTime, venue: str, frame: bytes, now: Instant, numbered: bool
) -> Sequence[Event]:
    """Return what a frame says without what it says of the future; for that, one `DecodeFailed` at the end.

    What a message has no time of its own for is stamped by `now`, and passes.

    Args:
        numbered: the venue numbers its frames, so that a book is in order whatever its stamp: that alone is
            refused, and it counts as said now.
    """
    latest_ns = time.latest_ns(now)
    if max(map(_when, told), default=0) <= latest_ns:
        if time.is_doubted and any(event.ts_event != now.utc_ns for event in told):
            time.believed()
        return told
    kept: list[Event] = []
    newest_ts = 0
    for event in told:
        if event.ts_event <= latest_ns or event.ts_event == now.utc_ns:
            kept.append(event)
        elif isinstance(event, _UNDATED):
            kept.append(replace(event, ts_event=now.utc_ns))
        else:
            newest_ts = max(newest_ts, event.ts_event)
            if numbered and isinstance(event, _BOOKS):
                kept.append(replace(event, ts_event=time.utc_ns(now)))
    if newest_ts:
        ahead_ns = newest_ts - time.utc_ns(now)
        time.refused(newest_ts, now)
        kept.append(refused(f"stamped {ahead_ns / SECOND_NS:.0f} s in the future", venue, frame, now))
    return kept


def refused(reason: str, venue: str, frame: bytes, now: Instant) -> DecodeFailed:
    """Return the news that something well-formed cannot be."""
    return DecodeFailed(
        ts_event=now.utc_ns, venue=venue, category="validation", reason=reason, raw=bounded_bytes(frame)
    )
