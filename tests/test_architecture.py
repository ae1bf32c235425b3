"""The house rules that a reader relies on, checked on the source: who imports whom, what is unique, how long.

Each rule is a function of a tree, so that it is also shown to fail on a small tree that breaks it.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.places import PROJECT

FLOORS = ("domain", "adapters", "actors", "scripts", "nzeza")
LONGEST = 400  # lines

# Modules of the standard library that act on the world, or wait for it.
WORLDLY = frozenset(
    "asyncio concurrent logging multiprocessing os random secrets select selectors shutil signal "
    "socket sqlite3 ssl subprocess tempfile threading time urllib".split()
)
# What `actors` may import of the adapters, and why.
ACTORS_MAY_IMPORT = {
    "adapters.ports": "the protocols that actors speak to",
    "adapters.storage_ports": "those of them that end on the disk",
    "adapters.clock": "the one reader of the system's time",
    # The machines of the local transport: any other mail on the stage would hide bugs that lanes make.
    "adapters.thespian_unix.framing": "the tag of a letter",
    "adapters.thespian_unix.lanes": "in which lane a message waits",
    "adapters.thespian_unix.mailbox": "who is next",
    "adapters.thespian_unix.messages": "Busy",
    "adapters.thespian_unix.outgoing": "the bounds of what is on its way",
}
# Roads that are closed although they point inward, and why. The first that fits an import decides.
VENUES = ("coinbase", "dydx", "hyperliquid")


class Road(NamedTuple):
    """Modules named or below `importer` may not import what is named or below `imported`, `but` these may."""

    importer: str
    imported: str
    why: str
    but: tuple[str, ...] = ()


CLOSED_ROADS = (
    *(
        Road("adapters", f"adapters.{house}.{venue}", f"only {door} knows a venue", (f"adapters.{house}.{venue}", door))
        for house, door in (("venues", "adapters.venues.catalogue"), ("simulator", "adapters.simulator.fronts"))
        for venue in VENUES
    ),
    Road("adapters.simulator", "adapters.venues", "it plays the venues, so it must not share their clients' mistakes"),
    Road("adapters.venues", "adapters.simulator", "a client can't tell a simulated venue from a real one"),
    Road("adapters.thespian_unix", "domain", "a base for any actors"),
    Road("adapters.decoding", "adapters.venues", "what all venues share knows none"),
    Road("adapters.network", "adapters.venues", "what all venues share knows none"),
    Road("actors", "actors.stage", "the stage plays the actors; they don't know of it", ("actors.stage",)),
    Road("actors.runtime", "actors.components", "what all actors are built on"),
    Road("scripts", "actors.stage", "real runs have no stage", ("scripts.rehearsal", "scripts.backtest")),
    *(
        Road(floor, "nzeza", "it is for people's own code, and the command")
        for floor in ("domain", "adapters", "actors", "scripts")
    ),
    Road("domain", "functools.singledispatchmethod", "one dispatch: domain/dispatch.py"),
    Road("scripts.report", "scripts.run", "what is shown and said, whoever runs"),
)
# Longer than LONGEST, and why that reads better than two files. Tests may be as long as what they specify.
LONG_FILES: dict[str, str] = {}


class Module(NamedTuple):
    path: str  # relative to the project, such as "adapters/venues/coinbase/decode.py"
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.removesuffix(".py").replace("/", ".")

    @property
    def floor(self) -> str:
        return self.path.split("/")[0]

    def imports(self) -> Iterator[str]:
        """Yield the dotted name of every module that is imported anywhere in this one."""
        for node in statements(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}:{node.lineno}: write imports in full"
                yield node.module or ""
                # "from adapters import coinbase" imports a module too.
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement, however deep in others; expressions, most of a tree, are none."""
    to_visit = [tree]
    while to_visit:
        node = to_visit.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            to_visit += getattr(node, block, ())


def read(root: Path) -> list[Module]:
    paths = sorted(path for floor in FLOORS for path in (root / floor).rglob("*.py"))
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return [Module(str(path.relative_to(root)), text, ast.parse(text)) for path, text in texts.items()]


def is_in(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def outward_imports(modules: list[Module]) -> list[str]:
    """Return "file imports module" for each import that leaves its floor for one above, or for the world."""

    def may_import(module: Module, name: str) -> bool:
        top = name.partition(".")[0]
        is_library = top in sys.stdlib_module_names
        match module.floor:
            case "domain":
                return top in ("domain", "msgspec") or (is_library and top not in WORLDLY)
            case "adapters":
                return top not in ("actors", "scripts", "tests")
            case "actors":
                is_allowed = any(is_in(name, door) for door in ACTORS_MAY_IMPORT)
                return top in ("actors", "domain", "msgspec", "thespian") or is_library or is_allowed
            case _:
                return top != "tests"

    imports = {(module.path, name) for module in modules for name in module.imports() if not may_import(module, name)}
    return [f"{path} imports {name}" for path, name in sorted(imports)]


def trespasses(modules: list[Module]) -> list[str]:
    """Return "file imports module: why not" for each import by a closed road."""
    found = set()
    for module in modules:
        for name in module.imports():
            for road in CLOSED_ROADS:
                is_closed = is_in(module.name, road.importer) and is_in(name, road.imported)
                if is_closed and not any(is_in(module.name, door) for door in road.but):
                    found.add(f"{module.path} imports {name}: {road.why}")
                    break
    return sorted(found)


def rooms(modules: list[Module]) -> dict[str, str]:
    """Return each module's room: its folder, or itself where its folder holds further folders."""
    folders = {module.name.rpartition(".")[0] for module in modules}
    halls = {folder.rpartition(".")[0] for folder in folders}
    return {
        module.name: module.name if folder in halls or folder in FLOORS else folder
        for module in modules
        if (folder := module.name.rpartition(".")[0])
    }


def circles(modules: list[Module], room_of: dict[str, str]) -> list[str]:
    """Return what imports each other in a circle, those of one circle in one line."""
    leads_to: dict[str, set[str]] = defaultdict(set)
    for module in modules:
        here = room_of[module.name]
        leads_to[here] |= {room_of[name] for name in module.imports() if name in room_of} - {here}
    while leaves := [room for room, onward in leads_to.items() if not onward & leads_to.keys()]:
        for room in leaves:
            del leads_to[room]

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            onward = leads_to.get(waiting.pop(), set()) & leads_to.keys()
            waiting += onward - seen
            seen |= onward
        return seen

    reach = {room: reached(room) for room in leads_to}
    found = {
        tuple(sorted(other for other in reach[room] if room in reach[other]))
        for room in leads_to
        if room in reach[room]
    }
    return [" <-> ".join(circle) for circle in sorted(found)]


def full_packages(modules: list[Module]) -> list[str]:
    """Return the `__init__.py` files that say anything: import from the module itself."""
    return [module.path for module in modules if module.path.endswith("__init__.py") and module.text.strip()]


def long_files(modules: list[Module], excused: dict[str, str]) -> list[str]:
    lengths = {module.path: len(module.text.splitlines()) for module in modules}
    return [f"{path}: {length}" for path, length in lengths.items() if length > LONGEST and path not in excused]


def shared_message_names(modules: list[Module]) -> list[str]:
    """Return the names that Thespian, which dispatches on the bare class name, would confuse."""
    classes = defaultdict(list)  # class name -> its definitions
    handled = {"Message"}
    for module in modules:
        for node in statements(module.tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append((module.path, {ast.unparse(base).split(".")[-1] for base in node.bases}))
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("receiveMsg_"):
                handled.add(node.name.removeprefix("receiveMsg_"))
    messages = handled
    while grown := {name for name, found in classes.items() if any(bases & messages for _, bases in found)} - messages:
        messages = messages | grown
    twice = sorted(name for name in messages if len(classes[name]) > 1)
    return [f"{name}: {', '.join(path for path, _ in classes[name])}" for name in twice]


def mentions_of_test_tools(modules: list[Module]) -> list[str]:
    return [module.path for module in modules if "pytest" in module.text or "unittest" in module.text]


@pytest.fixture(scope="module")
def product() -> list[Module]:
    return read(PROJECT)


def test_imports_point_inward(product: list[Module]) -> None:
    assert outward_imports(product) == []


def test_closed_roads_are_not_taken(product: list[Module]) -> None:
    assert trespasses(product) == []


def test_rooms_form_no_circle(product: list[Module]) -> None:
    assert circles(product, rooms(product)) == []


def test_modules_form_no_circle(product: list[Module]) -> None:
    assert circles(product, {module.name: module.name for module in product}) == []


def test_every_venue_is_guarded() -> None:
    homes = [PROJECT / "adapters" / "venues" / venue for venue in VENUES]
    assert sorted(path.parent for path in (PROJECT / "adapters/venues").glob("*/__init__.py")) == sorted(homes)


def test_packages_are_empty(product: list[Module]) -> None:
    assert full_packages(product) == []


def test_files_are_short_or_say_why_not(product: list[Module]) -> None:
    assert long_files(product, LONG_FILES) == []
    assert [path for path in LONG_FILES if not (PROJECT / path).exists()] == []


def test_message_names_are_unique_in_the_whole_system(product: list[Module]) -> None:
    assert shared_message_names(product) == []


def test_product_knows_nothing_of_its_tests(product: list[Module]) -> None:
    assert mentions_of_test_tools(product) == []


# ---- each rule can fail ----------------------------------------------------------------------------------


def tree(root: Path, **files: str) -> list[Module]:
    """Return a small product; `actors__shell="import x"` is a file actors/shell.py."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read(root)


FORBIDDEN = [
    ("domain/order.py", "import time", "time"),
    ("domain/order.py", "def late():\n    import random", "random"),
    ("domain/order.py", "from os import environ", "os"),
    ("domain/order.py", "import requests", "requests"),
    ("domain/order.py", "from adapters.ports import Clock", "adapters.ports"),
    ("domain/ledger/order.py", "if TYPE_CHECKING:\n    import actors.shell", "actors.shell"),
    ("adapters/storage/journal.py", "import actors.shell", "actors.shell"),
    ("adapters/journal.py", "from scripts import main", "scripts"),
    ("actors/router.py", "import adapters.storage.journal", "adapters.storage.journal"),
    ("actors/router.py", "from adapters.venues.dydx.sign import sign", "adapters.venues.dydx.sign"),
    ("actors/components/line.py", "import scripts.run.launch", "scripts.run.launch"),
    ("actors/router.py", "import aiohttp", "aiohttp"),
    ("scripts/launch.py", "import tests.builders", "tests.builders"),
]


def small_tree(root: Path, path: str, text: str) -> list[Module]:
    return tree(root, **{path.removesuffix(".py").replace("/", "__"): text})


@pytest.mark.parametrize(("path", "text", "imported"), FORBIDDEN)
def test_import_that_points_outward_is_found(path: str, text: str, imported: str, tmp_path: Path) -> None:
    assert f"{path} imports {imported}" in outward_imports(small_tree(tmp_path, path, text))


TRESPASSES = [
    ("adapters/venues/dydx/feed.py", "from adapters.venues import coinbase"),
    ("adapters/venues/venue_client.py", "import adapters.venues.coinbase.sign"),
    ("adapters/storage/journal.py", "from adapters.venues.coinbase.sign import sign"),
    ("adapters/simulator/dydx/front.py", "from adapters.simulator.hyperliquid.venue import Venue"),
    ("adapters/simulator/engine/exchange.py", "from adapters.simulator.coinbase.auth import Auth"),
    ("adapters/simulator/server.py", "import adapters.venues.coinbase.sign"),
    ("adapters/simulator/server.py", "from adapters.venues import catalogue"),
    ("adapters/venues/coinbase/client.py", "from adapters.simulator.in_memory import connect"),
    ("adapters/thespian_unix/lanes.py", "from domain.messages.base import Lane"),
    ("adapters/decoding/tokens.py", "import adapters.venues.venue_client"),
    ("adapters/network/http.py", "import adapters.venues.venue_client"),
    ("actors/order_router.py", "def late():\n    from actors.stage.stage import Stage"),
    ("actors/runtime/base_actor.py", "import actors.components.venue_line"),
    ("scripts/run/launch.py", "from actors.stage.stage import Stage"),
    ("scripts/main.py", "from nzeza.strategies import Vote"),
    ("scripts/report/view.py", "from scripts.run import control"),
    ("domain/ledger/account.py", "from functools import singledispatchmethod"),
]


@pytest.mark.parametrize(("path", "text"), TRESPASSES)
def test_import_by_a_closed_road_is_found(path: str, text: str, tmp_path: Path) -> None:
    modules = small_tree(tmp_path, path, text)

    (found, *_) = trespasses(modules)
    assert found.startswith(f"{path} imports ")
    assert outward_imports(modules) == [], "this example is about the closed roads"


def test_every_closed_road_has_an_example(tmp_path: Path) -> None:
    for number, (path, text) in enumerate(TRESPASSES):
        small_tree(tmp_path / str(number), path, text)
    found = {why for number in range(len(TRESPASSES)) for why in trespasses(read(tmp_path / str(number)))}
    assert {road.why for road in CLOSED_ROADS} == {line.partition(": ")[2] for line in found}


def test_import_that_points_inward_passes(tmp_path: Path) -> None:
    modules = tree(
        tmp_path,
        domain__ledger__order="import decimal\nfrom msgspec import Struct\nfrom domain.errors import Fatal",
        adapters__venues__coinbase__sign="import time, requests\nfrom adapters.network.http import send",
        adapters__venues__catalogue="from adapters.venues.coinbase.sign import sign",
        adapters__simulator__fronts="from adapters.simulator.coinbase.front import Front",
        adapters__simulator__coinbase__front="from adapters.simulator.coinbase.auth import Auth",
        actors__router="import logging, thespian.actors, domain.order\nfrom adapters.ports import Clock",
        actors__stage__stage="import actors.stage.base, actors.router",
        scripts__run__launch="import actors.router, adapters.venues.catalogue, rich, scripts.report.view",
        scripts__rehearsal="from actors.stage.stage import Stage",
    )

    assert outward_imports(modules) == []
    assert trespasses(modules) == []


def test_circle_of_rooms_is_found_though_no_module_is_in_one(tmp_path: Path) -> None:
    modules = tree(
        tmp_path,
        domain__ledger__order="import domain.portfolio.risk",
        domain__ledger__account="",
        domain__portfolio__risk="",
        domain__portfolio__sizing="import domain.ledger.account",
        domain__above="import domain.portfolio.risk",
        adapters__ports="import adapters.tickets",
        adapters__tickets="if TYPE_CHECKING:\n    import adapters.ports",
    )

    assert circles(modules, rooms(modules)) == [
        "adapters.ports <-> adapters.tickets",
        "domain.ledger <-> domain.portfolio",
    ]


def test_modules_of_one_room_and_of_a_hall_are_no_circle(tmp_path: Path) -> None:
    modules = tree(
        tmp_path,
        adapters__venues__catalogue="import adapters.venues.coinbase.client",
        adapters__venues__venue_client="",
        adapters__venues__coinbase__client="import adapters.venues.venue_client, adapters.venues.coinbase.sign",
        adapters__venues__coinbase__sign="",
    )

    assert circles(modules, rooms(modules)) == []


def test_relative_import_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"domain/order.py:1: write imports in full"):
        outward_imports(tree(tmp_path, domain__order="from . import errors"))


def test_package_that_says_something_is_found(tmp_path: Path) -> None:
    (tmp_path / "domain").mkdir()
    (tmp_path / "domain" / "__init__.py").write_text("from domain.order import Order\n")

    assert full_packages(read(tmp_path)) == ["domain/__init__.py"]


def test_long_file_is_found_unless_excused(tmp_path: Path) -> None:
    modules = tree(tmp_path, domain__short="x = 1\n" * LONGEST, domain__long="x = 1\n" * (LONGEST + 1))

    assert long_files(modules, {}) == [f"domain/long.py: {LONGEST + 1}"]
    assert long_files(modules, {"domain/long.py": "a table"}) == []


def test_message_name_used_twice_is_found(tmp_path: Path) -> None:
    modules = tree(
        tmp_path,
        domain__messages="class Message: ...\nclass Event(Message): ...\nclass Book: ...",
        domain__order="from domain import messages\nclass Filled(messages.Event): ...",
        actors__recorder="class Filled(Event): ...",
        actors__wiring="class Wired: ...\nclass Book: ...",
        actors__shell="class Wired: ...\nclass Shell:\n    def receiveMsg_Wired(self): ...",
    )

    assert shared_message_names(modules) == [
        "Filled: actors/recorder.py, domain/order.py",
        "Wired: actors/shell.py, actors/wiring.py",
    ]


def test_mention_of_a_test_tool_is_found(tmp_path: Path) -> None:
    modules = tree(tmp_path, domain__order="", actors__shell="from unittest.mock import Mock")

    assert mentions_of_test_tools(modules) == ["actors/shell.py"]
