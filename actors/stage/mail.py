"""The mail of the stage: what was sent and is not handled yet, and whose turn it is.

It runs on the two machines of the local transport, so lanes, windows and refusals are that transport's own:
`Outgoing` per pair of actors, `Mailbox` per receiver. Between them lies a way that takes no time. Without a
chooser everything arrives at once, and receivers take turns in the order of sending; with one both are drawn,
which letter arrives and who handles the next, and any order can come up that real processes can make.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import NamedTuple

from thespian.actors import ActorAddress

from adapters.thespian_unix.framing import TAGS, Tag
from adapters.thespian_unix.lanes import NORMAL
from adapters.thespian_unix.mailbox import Entry, Mailbox
from adapters.thespian_unix.outgoing import Limits, Outgoing

_ACKNOWLEDGE_EVERY = 32  # letters handled, as the local transport does
_TAG = 4  # where a frame has its tag: behind the length


class Letter(NamedTuple):
    """One message on its way."""

    sender: ActorAddress
    sender_name: str
    target_name: str
    payload: bytes  # pickled once, as between processes
    lane: int = NORMAL
    overtakes: bool = False
    is_vital: bool = False  # one of Thespian's own


class _Pair:
    """One sender and one receiver."""

    def __init__(self, target_name: str, limits: Limits) -> None:
        self.target_name = target_name
        self.outgoing = Outgoing(limits)
        self.handled = [0, 0, 0]  # by sequence
        self.owed = 0  # of these, not acknowledged
        self.arriving: deque[tuple[Letter, Tag]] = deque()

    def acknowledge(self) -> None:
        self.owed = 0
        urgent, normal, bulk = self.handled
        self.outgoing.acknowledge((urgent, normal, bulk))


class Mail:
    def __init__(self, limits: Limits, chooser: Random | None) -> None:
        self._limits = limits
        self._chooser = chooser
        self._pairs: dict[tuple[str, str], _Pair] = {}  # sender's name, target's name -> pair
        self._boxes: dict[str, Mailbox] = {}  # receiver's name -> what waits there
        self._held: set[str] = set()  # receivers that take nothing now
        self._turns: deque[str] = deque()  # without a chooser: a receiver's name per letter that waits there
        self._arriving: dict[_Pair, None] = {}  # with one: pairs with letters on the way,
        self._waiting: dict[str, None] = {}  # and receivers with letters to handle

    def send(self, letter: Letter) -> bool:
        """Take a letter, or refuse it because the pair's queue is full."""
        key = letter.sender_name, letter.target_name
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = _Pair(letter.target_name, self._limits)
        is_taken = pair.outgoing.offer(letter, letter.payload, letter.lane, letter.overtakes, letter.is_vital)
        self._release(pair)
        if pair.outgoing.queued and pair.owed:
            self._acknowledge(pair)
        return is_taken

    def put_own(self, letter: Letter) -> None:
        """Give a receiver what comes from within its own process; no queue can be too full for that."""
        self._put(letter.target_name, Entry(None, NORMAL, letter), NORMAL, False)

    def take(self) -> Entry | None:
        """Return what is to be handled next, whoever by, or None when all is handled or held."""
        return self._take_in_turn() if self._chooser is None else self._take_drawn(self._chooser)

    def settle(self, entry: Entry) -> None:
        """Count a letter as handled; its pair's window has room again, if not at once."""
        pair: _Pair | None = entry.source
        if pair is not None:
            pair.handled[entry.sequence] += 1
            pair.owed += 1
            if pair.owed >= _ACKNOWLEDGE_EVERY or pair.outgoing.queued:
                self._acknowledge(pair)

    def hold(self, name: str) -> None:
        """Let a receiver's mail wait."""
        self._held.add(name)
        self._waiting.pop(name, None)

    def resume(self, name: str) -> None:
        self._held.discard(name)
        waiting = len(self._boxes.get(name, ()))
        if self._chooser is None:
            self._turns.extend([name] * waiting)
        elif waiting:
            self._waiting[name] = None

    def waiting_for(self, name: str) -> int:
        """Return how many letters to this receiver nobody has handled."""
        pairs = (pair for pair in self._pairs.values() if pair.target_name == name)
        return sum(pair.outgoing.unhandled + pair.outgoing.queued - pair.owed for pair in pairs)

    def close(self, name: str) -> list[Letter]:
        """Forget one who died, and return what it has not handled.

        What it had queued itself dies with it; what has left reaches its readers.
        """
        dead: list[Letter] = []
        for (sender, target), pair in list(self._pairs.items()):
            if target == name:
                pair.acknowledge()
                on_the_way, queued = pair.outgoing.abandon()
                dead += on_the_way + queued
                pair.arriving.clear()
                self._arriving.pop(pair, None)
            elif sender == name:
                pair.outgoing.withdraw()
            if name in (sender, target):
                del self._pairs[sender, target]
        self._boxes.pop(name, None)
        self._waiting.pop(name, None)
        self._held.discard(name)
        return dead

    # ---- on the way --------------------------------------------------------------------------------------

    def _acknowledge(self, pair: _Pair) -> None:
        pair.acknowledge()
        self._release(pair)

    def _release(self, pair: _Pair) -> None:
        while pair.outgoing.queued and (parcel := pair.outgoing.release()) is not None:
            letter, frame = parcel
            tag = TAGS[frame[_TAG]]
            if self._chooser is None:
                self._arrive(pair, letter, tag)
            else:
                pair.arriving.append((letter, tag))
                self._arriving[pair] = None

    def _arrive(self, pair: _Pair, letter: Letter, tag: Tag) -> None:
        self._put(pair.target_name, Entry(pair, tag.sequence, letter), tag.lane, tag.overtakes)

    def _put(self, name: str, entry: Entry, lane: int, overtakes: bool) -> None:
        box = self._boxes.get(name)
        if box is None:
            box = self._boxes[name] = Mailbox()
        box.put(entry, lane, overtakes)
        if name not in self._held:
            if self._chooser is None:
                self._turns.append(name)
            else:
                self._waiting[name] = None

    def _take_in_turn(self) -> Entry | None:
        while self._turns:
            name = self._turns.popleft()
            box = self._boxes.get(name)
            if box is not None and name not in self._held:
                entry = box.take()
                if entry is not None:
                    return entry
        return None

    def _take_drawn(self, chooser: Random) -> Entry | None:
        while self._arriving or self._waiting:
            choices: list[_Pair | str] = [*self._arriving, *self._waiting]
            drawn = choices[int(chooser.random() * len(choices))]
            if isinstance(drawn, _Pair):
                self._arrive(drawn, *drawn.arriving.popleft())
                if not drawn.arriving:
                    del self._arriving[drawn]
                name = drawn.target_name
                if name in self._held or chooser.random() < 0.5:  # it may wait for others, or not
                    continue
            else:
                name = drawn
            box = self._boxes[name]
            entry = box.take()
            if not len(box):
                del self._waiting[name]
            return entry
        return None
