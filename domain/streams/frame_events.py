"""What one frame of a venue says by itself: the events of a decoder beside the prices of `market_data`.

A decoder knows nothing but its frame. Whether one is missing before it, whether a trade was told before and
what a book looks like after a change is for the machine of its stream, which consumes these events and passes
none of them on.
"""

from __future__ import annotations

from domain.market.order_book import Level
from domain.messages.base import Event


class FrameHead(Event, kw_only=True, gc=False):
    """How the venue addressed and numbered a frame; the first event of it, where there is such a thing."""

    venue: str
    channel: str = ""
    subject: str = ""  # what of the channel, as the venue spells it: an instrument, or one with a resolution
    number: int = -1  # its place on the connection; -1: it has none, or must count as lost


class BookSnapshot(Event, kw_only=True, gc=False):
    """All levels of one book, or all that the venue tells: whatever was known before is void."""

    venue: str
    instrument: str
    levels: list[Level]


class BookDelta(Event, kw_only=True, gc=False):
    """New absolute quantities of some levels, in the order in which they hold; zero removes one."""

    venue: str
    instrument: str
    levels: list[Level]


class BookUnread(Event, kw_only=True):
    """A book, or a change of it, came and could not be read: what is known of it may be wrong from here on."""

    venue: str
    instrument: str


class QuoteWithdrawn(Event, kw_only=True, gc=False):
    """A side of the book is empty: there is no best bid and ask now."""

    venue: str
    instrument: str


class SubscriptionConfirmed(Event, kw_only=True):
    """The venue has taken a subscription."""

    venue: str
    channel: str
    subject: str = ""


class SubscriptionEnded(Event, kw_only=True):
    """Nothing more of this is to come."""

    venue: str
    channel: str
    subject: str = ""
