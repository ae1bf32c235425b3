"""The simulated world on loopback sockets. Shuttles requests and frames; decides nothing about them.

Port `port_base` is the control address; each venue has a port of its own after it, in the order of `VENUES`,
for REST and streams. As at a real venue, account and API key are there again after a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import re
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from adapters.simulator.api_key import ApiKey, InvalidKey
from adapters.simulator.connection import DROPPED, Connection
from adapters.simulator.control import control_application, guarded
from adapters.simulator.engine.listings import VENUES
from adapters.simulator.fronts import FRONTS
from adapters.simulator.rest_wire import aborted, answer_rest
from adapters.simulator.store import ACCOUNT_FILE, SqliteStore
from adapters.simulator.venue_clock import VenueClock
from adapters.simulator.wire import Frame, FrameKind
from adapters.simulator.world import World
from adapters.storage.own_files import read_own
from domain.errors import InvalidSetting
from domain.instant import SECOND_NS
from domain.numbers import use_exact_decimals
from domain.settings import SimulatorSettings

HOST = "127.0.0.1"
CONTROL = "control"
UPGRADED = 101
KEY_FILE = "simulator-coinbase-key.json"
TOKEN_FILE = "simulator-control-token"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,}")
_MOST_GUESSES = 50  # at two free neighbouring ports
LOOK_EVERY_S = 0.05
POLL_MOST_S = 0.02  # a stream is looked after at least this often
POLL_LEAST_S = 0.002
CLOSE_WITHIN_S = 0.1  # nothing of value is lost by ending fast
PR_SET_PDEATHSIG = 1


def serve(
    settings: SimulatorSettings,
    directory: Path,
    on_ready: Callable[[dict[str, Any]], None],
    stop: threading.Event | None = None,
    dies_with_parent: bool = False,
    clock: VenueClock | None = None,
) -> None:
    """Serve until SIGINT, `stop`, or SIGTERM where that isn't ignored.

    Args:
        directory: where the account, the API key and the token of the control address are kept, the last two
            readable by their owner only.
        on_ready: called once with the URLs, when they answer.
        dies_with_parent: also end when the thread that started this process does, so with its process too.
        clock: of an earlier life of this world; None sets one by the machine's.

    Raises:
        InvalidSetting: a port or the directory is taken, or what is kept there cannot be read.
    """
    use_exact_decimals()
    if dies_with_parent:
        _die_with_parent()
    sockets = _listen(settings.port_base)
    directory.mkdir(parents=True, exist_ok=True)
    key_file = directory / KEY_FILE
    with closing(SqliteStore(directory / ACCOUNT_FILE, settings.warm_up_s, settings.fresh_account)) as store:
        key = _read_key(key_file)
        clock = clock or VenueClock()
        try:
            world = World(settings, clock.now_ns(), store, key)
        except InvalidKey:
            raise _no_key(key_file) from None
        if key is None:
            _write_key(world.key, key_file)
        world.save()  # whoever finds a journal from now on finds its account, too
        token = _token(directory / TOKEN_FILE)
        asyncio.run(_serve(world, clock, sockets, key_file, on_ready, stop or threading.Event(), token))
        world.save()


async def _serve(
    world: World,
    clock: VenueClock,
    sockets: Mapping[str, socket.socket],
    key_file: Path,
    on_ready: Callable[[dict[str, Any]], None],
    stop: threading.Event,
    token: str,
) -> None:
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, stop.set)
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:  # else it is the launcher's alone
            loop.add_signal_handler(signal.SIGTERM, stop.set)
    control_netloc = _netloc(sockets[CONTROL])
    control = Door(guarded(control_application(world, clock), control_netloc, token), sockets[CONTROL])
    venues = {venue: Door(_venue_application(world, clock, venue), sockets[venue]) for venue in world.fronts}
    for door in (control, *venues.values()):
        await door.open()
    on_ready({"control": f"http://{control_netloc}/{token}", "venues": _addresses(world, sockets, key_file)})
    while not stop.is_set():
        await asyncio.sleep(LOOK_EVERY_S)
        world.advance(clock.now_ns())  # also unasked: who comes after an hour must not wait for all of it
        for venue, door in venues.items():
            await door.set_open(not world.is_down(venue, clock.now_ns()))
    for door in (control, *venues.values()):
        await door.remove()


class Door:
    """A port and who answers there. Shut, it refuses connections."""

    def __init__(self, application: web.Application, listening: socket.socket) -> None:
        self._port = listening.getsockname()[1]
        self._listening = listening
        # Handlers outlive a client that gave up: what it sent still happens, as at a real venue.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_WITHIN_S)
        self._site: web.SockSite | None = None

    async def open(self) -> None:
        await self._runner.setup()
        await self.set_open(True)

    async def set_open(self, is_open: bool) -> None:
        if is_open and self._site is None:
            if self._listening.fileno() < 0:
                self._listening = _bind(self._port)
            self._site = web.SockSite(self._runner, self._listening)
            await self._site.start()
        elif not is_open and self._site is not None:
            await self._site.stop()
            self._site = None

    async def remove(self) -> None:
        await self._runner.cleanup()


def _addresses(world: World, sockets: Mapping[str, socket.socket], key_file: Path) -> dict[str, Any]:
    venues = {venue: front.addresses(_netloc(sockets[venue])) for venue, front in world.fronts.items()}
    venues["coinbase"]["key_file"] = str(key_file)
    return venues


def _netloc(listening: socket.socket) -> str:
    return f"{HOST}:{listening.getsockname()[1]}"


# ---- the venues ------------------------------------------------------------------------------------------


def _venue_application(world: World, clock: VenueClock, venue: str) -> web.Application:
    async def handle(request: web.Request) -> web.StreamResponse:
        if world.is_down(venue, clock.now_ns()):
            return aborted(request)  # it came over a connection from before
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await _stream(world, clock, venue, request)
        return await answer_rest(world, clock, venue, request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    return application


async def _stream(world: World, clock: VenueClock, venue: str, request: web.Request) -> web.StreamResponse:
    handshake = world.shake_hands(venue, request.path)
    await asyncio.sleep(handshake.delay_s)
    if not handshake.status:
        return aborted(request)
    if handshake.status != UPGRADED:
        return web.Response(status=handshake.status)
    connection = world.open_stream(venue, request.path, clock.now_ns())
    # Pings and closes are answered here: a connection that is dead answers nothing.
    websocket = web.WebSocketResponse(compress=False, timeout=CLOSE_WITHIN_S, autoping=False, autoclose=False)
    await websocket.prepare(request)
    writer = asyncio.create_task(_write(world, clock, connection, request, websocket))
    try:
        with contextlib.suppress(ConnectionResetError):  # it was gone before we could answer
            await _read(clock, connection, websocket)
    finally:
        writer.cancel()
    return websocket


async def _read(clock: VenueClock, connection: Connection, websocket: web.WebSocketResponse) -> None:
    """Hear the client until it is gone."""
    while True:
        message = await websocket.receive()
        while connection.is_dead and connection.close_code is None:
            await asyncio.sleep(POLL_MOST_S)
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                connection.receive(message.data, clock.now_ns())
            case WSMsgType.PING:
                await websocket.pong(message.data)
            case WSMsgType.PONG:
                connection.pong(clock.now_ns())
            case _:
                await websocket.close()
                return


async def _write(
    world: World,
    clock: VenueClock,
    connection: Connection,
    request: web.Request,
    websocket: web.WebSocketResponse,
) -> None:
    """Send what the venue has to say. A slow reader holds up only this task; then it gets fuller frames."""
    while not websocket.closed:
        try:
            for frame in connection.poll(clock.now_ns()):
                await _send(frame, request, websocket)
        except ConnectionError:
            return  # the client is gone; its reader ends by itself
        if connection.close_code == DROPPED:
            aborted(request)
            return
        if connection.close_code is not None:
            await websocket.close(code=connection.close_code)
            return
        until_next_s = (world.next_due_ns - clock.now_ns()) / SECOND_NS
        await asyncio.sleep(min(max(until_next_s, POLL_LEAST_S), POLL_MOST_S))


async def _send(frame: Frame, request: web.Request, websocket: web.WebSocketResponse) -> None:
    match frame.kind:
        case FrameKind.TEXT:
            await websocket.send_frame(frame.data, WSMsgType.TEXT)
        case FrameKind.BINARY:
            await websocket.send_frame(frame.data, WSMsgType.BINARY)
        case FrameKind.PING:
            await websocket.ping(frame.data)
        case FrameKind.RAW:
            if request.transport is not None:
                request.transport.write(frame.data)


# ---- the process -----------------------------------------------------------------------------------------


def _listen(port_base: int) -> dict[str, socket.socket]:
    """Return bound sockets for control and venues, at fixed distances: who knows one can name the others."""
    for _ in range(1 if port_base else _MOST_GUESSES):
        control = _bind(port_base)
        sockets = {CONTROL: control}
        try:
            for distance, venue in enumerate(VENUES, start=1):
                if venue in FRONTS:
                    sockets[venue] = _bind(control.getsockname()[1] + distance)
            return sockets
        except InvalidSetting as error:
            for one in sockets.values():
                one.close()
            refusal = error
    raise refusal


def _bind(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        raise InvalidSetting(
            f"simulator.port_base: port {port} cannot be used ({error}); choose another base, or 0 for any free ports"
        ) from None
    return listening


def _read_key(path: Path) -> ApiKey | None:
    """Return the key that clients were given before; None when there is none."""
    try:
        stored = json.loads(read_own(path))
        return ApiKey(stored["name"], stored["privateKey"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        raise _no_key(path) from None


def _no_key(path: Path) -> InvalidSetting:
    return InvalidSetting(f"system.data_directory: {str(path)!r} must be the simulator's key; remove it for a new one")


def _write_key(key: ApiKey, path: Path) -> None:
    _write_secret(json.dumps({"name": key.name, "privateKey": key.private_key}), path)


def _token(path: Path) -> str:
    """Return the token that makes the control address, the same after a restart.

    Raises:
        InvalidSetting: what has its name is no file of ours.
    """
    try:
        with contextlib.suppress(FileNotFoundError, ValueError):
            token = read_own(path).decode("ascii")
            if _TOKEN.fullmatch(token):
                return token
    except OSError as error:
        raise InvalidSetting(
            f"system.data_directory: {str(path)!r} must be the simulator's token ({error.strerror}); remove it for a new one"
        ) from None
    token = secrets.token_urlsafe(16)
    _write_secret(token, path)
    return token


def _write_secret(text: str, path: Path) -> None:
    """Write it for its owner's eyes only; a kill in between leaves nothing rather than half of it."""
    unfinished = path.with_suffix(".new")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        unfinished.rename(path)
    except OSError as error:
        raise InvalidSetting(
            f"system.data_directory: {str(unfinished)!r} cannot be written ({error.strerror}): look, and move it away"
        ) from None


def _die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        raise SystemExit("the parent died while this process started")
