"""The command line: verbs, their arguments, exit statuses. What a verb does lies in the modules it calls.

Exit status: 0 clean, 1 ended with a problem, 2 wrong usage or configuration; for 1 and 2 there is one line on
standard error and no traceback.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from domain.errors import InvalidSetting, NzezaError
from domain.numbers import use_exact_decimals
from domain.settings import Settings
from scripts.report import telling
from scripts.report.prometheus import exposition
from scripts.report.summary import summary
from scripts.run.advice import pasteable, stand_in
from scripts.run.control import Conversation, NoAnswer, NotRunning, ask
from scripts.run.data_directory import make_directory
from scripts.run.leftovers import end_all
from scripts.run.options import RunOptions
from scripts.run.outputs import OutputLost, abandon_output, complain, finish_output, say, secure_outputs
from scripts.run.presence import RECORD, instead, recording_in
from scripts.run.version import code_version

ANSWER_WITHIN_S = 3.0
GONE_WITHIN_S = 5.0  # beyond the time that the system gave itself for stopping

Verb = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    secure_outputs()
    use_exact_decimals()
    try:
        try:
            status = _perform(argv)
        finally:
            finish_output()
    except OutputLost as lost:
        abandon_output()
        if lost.has_reader_left:
            return 0
        complain(lost)
        return 1
    return status


def _perform(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    verb: Verb = arguments.verb
    try:
        return verb(arguments)
    except OutputLost:
        raise
    except InvalidSetting as error:
        complain(error)
        return 2
    except NotRunning as error:
        complain(f"{error}{instead(error.directory)}")
        return 1
    except NzezaError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell expects of somebody who was interrupted


# ---- verbs -----------------------------------------------------------------------------------------------


def run(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    stand_in(settings.system.data_directory)
    _check_live(settings, arguments.live)
    _check_token_files(settings)
    from scripts.run.launch import run as launch  # everything that trades; the other verbs start without it

    options = RunOptions(arguments.duration, arguments.headless, arguments.json, live=arguments.live)
    return launch(settings, options)


def record(arguments: argparse.Namespace) -> int:
    """Run feeds alone, in a data directory of their own: other runs' orders and positions are not their business."""
    settings = _settings(arguments)
    _check_token_files(settings)
    system = msgspec.structs.replace(settings.system, data_directory=str(Path(settings.system.data_directory) / RECORD))
    venues = {name: msgspec.structs.replace(venue, takes_orders=False) for name, venue in settings.venues.items()}
    recording = msgspec.structs.replace(settings.recording, enabled=True)
    from scripts.report.recorded import recorded
    from scripts.run.launch import run as launch
    from scripts.run.toolbox import RECORDINGS

    options = RunOptions(arguments.duration, arguments.headless, arguments.json, records=True)
    stand_in(system.data_directory)
    directory, began_at = Path(system.data_directory) / RECORDINGS, time.time()
    status = launch(msgspec.structs.replace(settings, system=system, venues=venues, recording=recording), options)
    lines = recorded(directory, began_at)
    for line in lines or [f"nothing was recorded in {directory}"]:
        complain(line)
    return status if lines else status or 1


def _check_token_files(settings: Settings) -> None:
    """Refuse a token file that can't be read now: no stream would come up, and nobody be told before the third try."""
    for name, venue in settings.venues.items():
        if venue.stream_token_file:
            try:
                Path(venue.stream_token_file).read_bytes()
            except OSError as error:
                setting = f"venues.{name}.stream_token_file = {venue.stream_token_file!r}"
                raise InvalidSetting(f"{setting}: must be a file that can be read ({error.strerror})") from None


def _check_live(settings: Settings, is_wanted: bool) -> None:
    """Refuse real orders: they need both a setting and a flag, and a check of the account that is still to come."""
    if is_wanted and settings.system.profile == "demo":
        raise InvalidSetting("system.profile = 'demo': --live must not be given with it; the other is \"standard\"")
    if is_wanted:
        raise InvalidSetting(
            "--live: must not be given yet: real orders need a check of the account, which this version can't make"
        )
    for name, venue in settings.traded.items():
        if venue.mode == "live":
            raise InvalidSetting(
                f"venues.{name}.mode = 'live': must be \"simulated\" unless --live is given, or takes_orders false"
            )


def simulate(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    given = {"seed": arguments.seed, "port_base": arguments.port_base}
    changes = {name: value for name, value in given.items() if value is not None}
    # Not the data directory itself: a system that runs there keeps its own simulator's account and key in it.
    os.umask(0o077)
    directory = make_directory(Path(settings.system.data_directory) / "simulate")
    from adapters.simulator.server import serve  # aiohttp: only this verb needs it

    serve(msgspec.structs.replace(settings.simulator, **changes), directory, _print_json)
    return 0


def status(arguments: argparse.Namespace) -> int:
    directory = _data_directory(arguments)
    report = ask(directory, "status", ANSWER_WITHIN_S)
    if place := recording_in(directory):
        complain(f"a recording runs beside it: ask with --data-directory {place}")
    if arguments.json:
        _print_json(report)
    else:
        say(pasteable(summary(report)))
    return 0


def metrics(arguments: argparse.Namespace) -> int:
    directory = _data_directory(arguments)
    if arguments.reset:
        answer = ask(directory, "reset_metrics", ANSWER_WITHIN_S)
        if arguments.json:
            _print_json(answer)
        else:
            say("the breakers count from zero")
        return 0
    report = ask(directory, "metrics", ANSWER_WITHIN_S)
    if arguments.json:
        _print_json(report["metrics"])
    else:
        say(exposition(report), end="")
    return 0


def stop(arguments: argparse.Namespace) -> int:
    directory = _data_directory(arguments)
    try:
        return _stop(directory)
    except (NotRunning, NoAnswer) as error:
        if not arguments.force:
            raise
        return _end_by_force(directory, error)


def _stop(directory: Path) -> int:
    with Conversation(directory) as conversation:
        within_s = conversation.ask("stop", ANSWER_WITHIN_S)["within_s"]
        outcome = conversation.hear(within_s + GONE_WITHIN_S)
        if not conversation.has_ended_within(GONE_WITHIN_S):
            raise NoAnswer(f"pid {conversation.pid} has stopped trading and doesn't end")
    for line in [*outcome["problems"], *telling.stops(outcome.get("left"))]:
        complain(line)
    if not outcome["problems"]:
        say("stopped cleanly")
    return 1 if outcome["problems"] else 0


def _end_by_force(directory: Path, error: NzezaError) -> int:
    """End what neither answers nor ends; raise `error` where there is nothing of the kind."""
    ended, left = end_all(directory, GONE_WITHIN_S)
    if not ended and not left:
        raise error
    for holder in ended:
        say(f"ended {holder}")
    for holder in left:
        complain(f"could not end {holder}")
    complain("nothing was cancelled or proven by that: the next run looks at what is open")
    return 1 if left else 0


def resume(arguments: argparse.Namespace) -> int:
    answer = ask(_data_directory(arguments), "resume", ANSWER_WITHIN_S, arguments.scope or "")
    say("\n".join(telling.resumed(answer)))
    return 0


def restart(arguments: argparse.Namespace) -> int:
    ask(_data_directory(arguments), "restart", ANSWER_WITHIN_S, arguments.role)
    say(f"{arguments.role} is restarting")
    return 0


def replay(arguments: argparse.Namespace) -> int:
    from scripts.report.replay import damage, describe  # the venues' codecs: only this verb needs them here

    settings, status = _settings(arguments), 0
    for described in describe(arguments.files, settings):
        _print_json(described)
        if told := damage(described):
            complain(told)
            status = 1
    return status


def _settings(arguments: argparse.Namespace) -> Settings:
    from adapters.settings.load import load
    from adapters.venues.catalogue import VENUES

    settings = load(arguments.config, os.environ, VENUES.keys())
    _check_orders(settings, [name for name, kit in VENUES.items() if kit.trading is not None])
    if arguments.data_directory is None:
        return settings
    system = msgspec.structs.replace(settings.system, data_directory=arguments.data_directory)
    return msgspec.structs.replace(settings, system=system)


def _check_orders(settings: Settings, venues: Collection[str]) -> None:
    """Refuse to trade where this version cannot."""
    for name in settings.traded:
        if name not in venues:
            raise InvalidSetting(
                f"venues.{name}.takes_orders = true: must be false; orders can be sent to {', '.join(venues)} only"
            )


def _data_directory(arguments: argparse.Namespace) -> Path:
    """Return where to look for the running system; told by hand, a broken configuration is no obstacle."""
    directory = Path(arguments.data_directory or _settings(arguments).system.data_directory)
    stand_in(directory)
    return directory


def _print_json(message: dict[str, Any]) -> None:
    say(json.dumps(message))


# ---- arguments -------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line; argparse would print the whole usage first."""
        self.exit(2, f"nzeza: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="nzeza", description="Trade one portfolio across crypto venues.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"nzeza {code_version()}")
    verbs = parser.add_subparsers(required=True, metavar="VERB", parser_class=_Parser)

    def add(verb: Verb, about: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(verb.__name__, help=about, description=about, allow_abbrev=False)
        added.set_defaults(verb=verb)
        added.add_argument("--config", type=Path, metavar="FILE", help="settings, as TOML (default: none)")
        added.add_argument(
            "--data-directory", type=_text, metavar="DIR", help="instead of the setting system.data_directory"
        )
        return added

    running = add(run, "Run the trading system, with simulated venues unless the settings say otherwise.")
    running.add_argument("--live", action="store_true", help="allow real orders")
    recording = add(record, "Record the raw frames of all venues, and trade nothing.")
    for lasting in (running, recording):
        lasting.add_argument("--duration", type=_seconds, metavar="SECONDS", help="end after so long (default: Ctrl-C)")
        lasting.add_argument("--headless", action="store_true", help="no live view")
        lasting.add_argument("--json", action="store_true", help="print the report as JSON, on the last line")

    simulating = add(simulate, "Serve the simulated venues alone; print one JSON line when they are ready.")
    simulating.add_argument("--seed", type=int, metavar="N", help="of the market")
    simulating.add_argument("--port-base", type=_port, metavar="N", help="control there, venues after it")

    asking = add(status, "Tell how the running system is.")
    asking.add_argument("--json", action="store_true", help="print the report as JSON")
    measuring = add(metrics, "Print every counter of the running system, in Prometheus' text format.")
    measuring.add_argument("--json", action="store_true", help="print them as JSON")
    measuring.add_argument("--reset", action="store_true", help="let the breakers count from zero instead")
    stopping = add(stop, "Stop the running system, and tell how it ended.")
    stopping.add_argument(
        "--force", action="store_true", help="end also what doesn't answer, or was left by a system that died"
    )
    resuming = add(resume, "Clear halts of the running system, and tell which.")
    resuming.add_argument(
        "scope", type=_text, nargs="?", metavar="SCOPE", help="clear only this: all, coinbase, coinbase:BTC-USD"
    )
    restarting = add(restart, "Restart one actor of the running system, while the others go on.")
    restarting.add_argument("role", type=_text, metavar="ROLE", help="as status names it: order_router, ...")
    replaying = add(replay, "Decode recordings of price feeds again; print one JSON line for each.")
    replaying.add_argument("files", nargs="+", type=Path, metavar="FILE", help="below recordings/, oldest first")
    return parser


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds above 0")
    return seconds


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number between 0 and 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
