"""The three lanes of every mailbox, and how a message says which one is its own.

A message may carry two attributes (or class attributes, or properties):

- `lane`: URGENT, NORMAL or BULK; NORMAL when it says nothing. The transport knows no more about its meaning.
- `overtakes`: true if an URGENT message may also pass NORMAL ones of its own sender; false when it says
  nothing.

What is promised, for messages waiting at one receiver:

1. Messages of one sender in one lane are handled in the order they were sent. (One that overtakes may also
   pass URGENT ones that wait with their sender's NORMAL ones.)
2. An URGENT message is handled before waiting NORMAL and BULK ones of other senders, and before BULK ones of
   its own: who puts a message in BULK says by that that it may be passed.
3. An URGENT message that does not say `overtakes` is never handled before a NORMAL one that its sender sent
   earlier. So a cancel never passes its own order. It does not wait in their lane either: it pulls them
   forward with it.
4. No lane starves: after a bounded number of messages from better lanes the next one is from a worse
   (`Mailbox`).
"""

from __future__ import annotations

from typing import Any

URGENT, NORMAL, BULK = LANES = (0, 1, 2)


def lane_of(message: Any) -> int:
    """Return the lane that `message` asks for; NORMAL for what is no lane at all."""
    lane = getattr(message, "lane", NORMAL)
    return int(lane) if isinstance(lane, int) and URGENT <= lane <= BULK else NORMAL


def overtakes(message: Any) -> bool:
    return getattr(message, "overtakes", False) is True
