"""One websocket between a venue's session and its client: where what goes wrong on the way goes wrong.

The session doesn't know. It numbers and sends its frames; what a fault makes of them happens here, once for
all venues. Only what needs the venue's own words is asked of the session: another number, a crossed book.
"""

from __future__ import annotations

from collections.abc import Callable

from adapters.simulator import strange_rows
from adapters.simulator.faults import FRAME_FAULTS, Fault, FaultPlan
from adapters.simulator.front import Session
from adapters.simulator.wire import Frame, FrameKind, Handshake
from domain.instant import SECOND_NS

DROPPED = 1006  # no close frame at all: the connection just ends
OVERSIZE = 10 * 1024 * 1024 + 1  # bytes; clients take 10 MiB
UNKNOWN_OPCODE = b"\x83\x00"  # final, opcode 3, no data


def draw_handshake(faults: FaultPlan, place: str) -> Handshake:
    """Return how the next upgrade of a stream goes."""
    fault = faults.draw(place, is_opening=True)
    if fault is None:
        return Handshake()
    match fault.kind:
        case "refuse":
            return Handshake(status=0)
        case "refuse_upgrade":
            return Handshake(fault.status)
        case "slow_handshake":
            return Handshake(delay_s=fault.seconds)
    return Handshake()


class Connection:
    """`close_code` is None while the connection lives; 1006 = it ends without a close frame.

    Attributes:
        is_dead: nothing reaches anybody, and nobody is told.
    """

    def __init__(
        self,
        session: Session,
        faults: FaultPlan,
        advance: Callable[[int], None],
        keep: Callable[[], None],
        is_down: Callable[[int], bool],
    ) -> None:
        """Args:
        advance: brings the world up to a time.
        keep: is called before frames are let out.
        is_down: tells whether the venue is gone.
        """
        self.close_code: int | None = None
        self.is_dead = False
        self._session = session
        self._faults = faults
        self._advance = advance
        self._keep = keep
        self._is_down = is_down
        self._due: list[Frame] = []  # what the session said and nobody has heard yet
        self._overtaken: Frame | None = None
        self._silent_until_ns = 0
        self._late_ns, self._late_until_ns = 0, 0  # by how much, and until when
        self._under_way: list[tuple[int, Frame]] = []  # (said at, frame), while it is late

    def receive(self, text: str | bytes, now_ns: int) -> None:
        """Take one message of the client."""
        if not self.is_dead:
            self._advance(now_ns)
            self._session.receive(text, now_ns)

    def pong(self, now_ns: int) -> None:
        """Take the client's answer to a ping."""
        if not self.is_dead:
            self._session.pong(now_ns)

    def poll(self, now_ns: int) -> list[Frame]:
        """Return the frames that are due, in order. A `close_code` set with them comes after them."""
        self._advance(now_ns)
        if self._is_down(now_ns):
            self._end(DROPPED)
        if self.close_code is not None or now_ns < self._silent_until_ns:
            return []
        if self.is_dead:
            self._end(DROPPED)
            return []
        self._due += self._session.poll(now_ns)
        self.close_code = self._session.close_code
        self._keep()
        if self._due:
            self._suffer(now_ns)
        if now_ns < self._silent_until_ns:
            return []
        frames, self._due = self._due, []
        return self._arriving(frames, now_ns) if self._late_until_ns else frames

    def _arriving(self, frames: list[Frame], now_ns: int) -> list[Frame]:
        """Return what has been under way for long enough; all of it when the stream is not late any more."""
        self._under_way += [(now_ns, frame) for frame in frames]
        if now_ns >= self._late_until_ns:
            self._late_ns, self._late_until_ns = 0, 0
        arrived = sum(said_ns <= now_ns - self._late_ns for said_ns, _ in self._under_way)
        frames = [frame for _, frame in self._under_way[:arrived]]
        del self._under_way[:arrived]
        return frames

    def _suffer(self, now_ns: int) -> None:
        if self._overtaken is not None:
            self._due.insert(1, self._overtaken)
            self._overtaken = None
        fault = self._faults.draw(self._session.place, suits=self._has_victim)
        if fault is None:
            return
        match fault.kind:
            case "close":
                self._end(fault.code)
            case "drop":
                self._end(DROPPED)
            case "half_open":
                self.is_dead = True
                self._silent_until_ns = now_ns + int(fault.seconds * SECOND_NS)
            case "silence":
                self._silent_until_ns = now_ns + int(fault.seconds * SECOND_NS)
            case "late":
                self._late_ns = int(fault.late_by * SECOND_NS)
                self._late_until_ns = now_ns + int(fault.seconds * SECOND_NS)
            case "stall":
                channel = fault.channel or self._due[0].channel
                self._session.stall(channel, now_ns + int(fault.seconds * SECOND_NS))
            case _:
                self._spoil(fault)

    def _end(self, code: int) -> None:
        self._due.clear()
        self.close_code = code

    def _has_victim(self, fault: Fault) -> bool:
        return fault.kind not in FRAME_FAULTS or self._victim(fault) is not None

    def _victim(self, fault: Fault) -> tuple[int, list[Frame]] | None:
        """Return which of the frames that are due the fault can strike, and what becomes of it."""
        for index, frame in enumerate(self._due):
            is_meant = frame.kind is FrameKind.TEXT and fault.channel in ("", frame.channel)
            if is_meant and (spoiled := self._spoiled(frame, fault)) is not None:
                return index, spoiled
        return None

    def _spoil(self, fault: Fault) -> None:
        victim = self._victim(fault)
        if victim is None:
            return
        index, spoiled = victim
        frame = self._due[index]
        self._due[index : index + 1] = spoiled
        if fault.kind == "reorder":
            if index < len(self._due):
                self._due.insert(index + 1, frame)
            else:
                self._overtaken = frame

    def _spoiled(self, frame: Frame, fault: Fault) -> list[Frame] | None:
        """Return what a fault makes of one frame; None when it can do nothing to it."""
        data = frame.data
        match fault.kind:
            case "gap" | "reorder":  # what is reordered comes later
                return []
            case "duplicate":
                return [frame, frame]
            case "malformed":
                return [frame._replace(data=data[: len(data) // 2])]
            case "bad_utf8":
                return [frame._replace(data=data[:-1] + b"\xff" + data[-1:])]
            case "bad_frame":
                return [Frame(UNKNOWN_OPCODE, kind=FrameKind.RAW), frame]
            case "binary":
                return [frame._replace(kind=FrameKind.BINARY)]
            case "empty":
                return [frame._replace(data=b"")]
            case "oversize":
                return [frame._replace(data=data.ljust(OVERSIZE))]
            case "wrong_sequence":
                changed = self._session.renumbered(frame)
            case "crossed_book":
                changed = self._session.crossed(frame)
            case _:
                changed = _strange(frame, fault)
        return None if changed is None else [changed]


def _strange(frame: Frame, fault: Fault) -> Frame | None:
    match fault.kind:
        case "odd_row":
            data = strange_rows.odd_row(frame.data, fault.product)
        case "epoch_time":
            data = strange_rows.epoch_time(frame.data)
        case "no_snapshot":
            data = strange_rows.no_snapshot(frame.data, fault.product)
    return None if data is None else frame._replace(data=data)
