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

ROOMS = ("domain", "adapters", "actors", "scripts")
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
# The one place that knows every venue; all other modules of the adapters' ground floor know none.
LIST_OF_VENUES = "adapters/venues.py"
# Longer than LONGEST, and why that reads better than two files. Tests may be as long as what they specify.
LONG_FILES = {
    "domain/order_messages.py": "the vocabulary of orders, read as one list; no logic in it",
}


class Module(NamedTuple):
    path: str  # relative to the project, such as "adapters/coinbase/decode.py"
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
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
    paths = sorted(path for room in ROOMS for path in (root / room).rglob("*.py"))
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return [Module(str(path.relative_to(root)), text, ast.parse(text)) for path, text in texts.items()]


def outward_imports(modules: list[Module]) -> list[str]:
    """Return "file imports module" for each import that does not point inward."""
    wings = {module.path.split("/")[1] for module in modules if module.path.count("/") > 1}

    def may_import(module: Module, name: str) -> bool:
        top, _, rest = name.partition(".")
        is_library = top in sys.stdlib_module_names
        match module.room:
            case "domain":
                return top in ("domain", "msgspec") or (is_library and top not in WORLDLY)
            case "adapters":
                wing = rest.split(".")[0] if top == "adapters" else ""
                is_elsewhere = wing in wings and module.path.split("/")[1] != wing
                is_allowed = module.path == LIST_OF_VENUES or not is_elsewhere
                return top not in ("actors", "scripts", "tests") and is_allowed
            case "actors":
                is_allowed = any(name == door or name.startswith(f"{door}.") for door in ACTORS_MAY_IMPORT)
                return top in ("actors", "domain", "msgspec", "thespian") or is_library or is_allowed
            case _:
                return top != "tests"

    imports = {
        (module.path, name) for module in modules for name in module.imports() if not may_import(module, name)
    }
    return [f"{path} imports {name}" for path, name in sorted(imports)]


def full_packages(modules: list[Module]) -> list[str]:
    """Return the `__init__.py` files that say anything: import from the module itself."""
    return [module.path for module in modules if module.path.endswith("__init__.py") and module.text.strip()]


def long_files(modules: list[Module], excused: dict[str, str]) -> list[str]:
    lengths = {module.path: len(module.text.splitlines()) for module in modules}
    return [
        f"{path}: {length}" for path, length in lengths.items() if length > LONGEST and path not in excused
    ]


def shared_message_names(modules: list[Module]) -> list[str]:
    """Return the names that Thespian, which dispatches on the bare class name, would confuse."""
    classes = defaultdict(list)  # class name -> its definitions
    handled = {"Message"}
    for module in modules:
        for node in statements(module.tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(
                    (module.path, {ast.unparse(base).split(".")[-1] for base in node.bases})
                )
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("receiveMsg_"):
                handled.add(node.name.removeprefix("receiveMsg_"))
    messages = handled
    while (
        grown := {name for name, found in classes.items() if any(bases & messages for _, bases in found)}
        - messages
    ):
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
    ("domain/order.py", "if TYPE_CHECKING:\n    import actors.shell", "actors.shell"),
    ("adapters/journal.py", "import actors.shell", "actors.shell"),
    ("adapters/journal.py", "from scripts import main", "scripts"),
    ("adapters/journal.py", "from adapters.coinbase.sign import sign", "adapters.coinbase.sign"),
    ("adapters/dydx/feed.py", "from adapters import coinbase", "adapters.coinbase"),
    ("adapters/simulator/server.py", "import adapters.coinbase.sign", "adapters.coinbase.sign"),
    ("actors/router.py", "import adapters.journal", "adapters.journal"),
    ("actors/router.py", "from adapters.coinbase.sign import sign", "adapters.coinbase.sign"),
    ("actors/router.py", "import scripts.launch", "scripts.launch"),
    ("actors/router.py", "import aiohttp", "aiohttp"),
    ("scripts/launch.py", "import tests.builders", "tests.builders"),
]


@pytest.mark.parametrize(("path", "text", "imported"), FORBIDDEN)
def test_import_that_points_outward_is_found(path: str, text: str, imported: str, tmp_path: Path) -> None:
    modules = tree(
        tmp_path, adapters__coinbase__sign="", **{path.removesuffix(".py").replace("/", "__"): text}
    )

    assert f"{path} imports {imported}" in outward_imports(modules)


def test_import_that_points_inward_passes(tmp_path: Path) -> None:
    modules = tree(
        tmp_path,
        domain__order="import decimal\nfrom msgspec import Struct\nfrom domain.errors import Fatal",
        adapters__coinbase__sign="import time, requests\nfrom adapters.http import send",
        adapters__venues="from adapters.coinbase.sign import sign",
        actors__router="import logging, thespian.actors, domain.order\nfrom adapters.ports import Clock",
        scripts__launch="import actors.router, adapters.venues, rich",
    )

    assert outward_imports(modules) == []


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
