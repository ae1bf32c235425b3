"""A venue behind a real socket pair, under the stage's virtual clock: real frames, real pipe, no network."""

from __future__ import annotations

import select
import socket
from collections import deque

from actors.stage.stage import Stage
from adapters.network.websocket import SocketPipe
from adapters.network.websocket_frames import CLOSE, CONTINUATION, PING, TEXT
from adapters.ports import Frames, VenueKit
from adapters.venues.coinbase.market_stream import MarketStream
from domain.errors import VenueError
from tests.actors.fakes import FakeVenue
from tests.adapters.network.test_websocket_frames import server_frame

FRAME_HEADER = 6  # of a short masked frame


class _StagedPipe(SocketPipe):
    """The product's pipe, whose reads happen in virtual time."""

    def __init__(self, sock: socket.socket, stage: Stage) -> None:
        super().__init__(sock)
        self._stage = stage

    def read(self) -> Frames:
        return super().read()._replace(read_ns=self._stage.clock.now().monotonic_ns)


class Wire:
    """Everything behind one venue's market stream, open to the test."""

    def __init__(self) -> None:
        self.stage: Stage | None = None
        self.servers: list[socket.socket] = []  # our end of each connection, oldest first
        self.refusals: deque[VenueError] = deque()  # what the next dials fail with
        self.dials = 0
        self.greeting = b""  # what arrives in one piece with the upgrade: no socket wakes anybody for it

    def kit(self) -> VenueKit:
        return FakeVenue().kit()._replace(market_stream=MarketStream, dialer=lambda settings: self)

    def open(self, url: str, timeout_s: float) -> SocketPipe:
        self.dials += 1
        if self.refusals:
            raise self.refusals.popleft()
        ours, theirs = socket.socketpair()
        theirs.settimeout(5)
        self.servers.append(theirs)
        theirs.sendall(self.greeting)
        waiting = select.poll()
        waiting.register(ours.fileno(), select.POLLIN)
        is_silent = bool(self.greeting)
        self.stage.readables[ours.fileno()] = lambda: bool(waiting.poll(0)) and not is_silent
        return _StagedPipe(ours, self.stage)

    def close(self) -> None:
        for server in self.servers:
            server.close()

    # ---- what the venue does -----------------------------------------------------------------------------

    def send(self, stream: bytes, seconds: float = 0.05) -> None:
        """Let these bytes arrive on the newest connection, and time pass."""
        step = 100_000  # a socket pair holds no more at once
        for start in range(0, len(stream), step):
            self.servers[-1].sendall(stream[start : start + step])
            self.stage.advance(seconds)

    def say(self, *messages: bytes, seconds: float = 0.05) -> None:
        self.send(b"".join(server_frame(TEXT, message) for message in messages), seconds)

    def say_in_pieces(self, message: bytes, *sizes: int) -> None:
        """Fragment one message, with a ping after each piece but the last."""
        start, stream = 0, b""
        for number, size in enumerate(sizes):
            opcode = TEXT if number == 0 else CONTINUATION
            is_final = number == len(sizes) - 1
            stream += server_frame(opcode, message[start : start + size], is_final)
            stream += b"" if is_final else server_frame(PING, b"?")
            start += size
        self.send(stream)

    def hang_up(self, code: int = 1006) -> None:
        """Close the newest connection; 1006 vanishes without a word."""
        if code != 1006:
            self.servers[-1].sendall(server_frame(CLOSE, code.to_bytes(2, "big")))
        self.servers[-1].shutdown(socket.SHUT_RDWR)
        self.stage.advance(0.05)

    def heard(self, connection: int = -1) -> list[bytes]:
        """Return the payloads of all short frames that we sent on a connection and nobody read yet."""
        server, payloads = self.servers[connection], []
        server.setblocking(False)
        try:
            data = server.recv(65_536)
        except BlockingIOError:
            return []
        while data:
            length = data[1] & 0x7F
            header = FRAME_HEADER if length < 126 else FRAME_HEADER + 2
            length = length if length < 126 else int.from_bytes(data[2:4], "big")
            mask, payload = data[header - 4 : header], data[header : header + length]
            payloads.append(bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)))
            data = data[header + length :]
        return payloads
