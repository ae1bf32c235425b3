"""Point Thespian's own test suite at one system base, chosen by NZEZA_THESPIAN_BASE.

A pytest plugin (`-p tests.thespian_suite.plugin`). The suite's modules say `from thespian.test import *`, so
its two doors to a base, the fixture `asys` and the function `similar_asys`, are replaced in `thespian.test`
before any of them is collected.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
import thespian.test as suite
from thespian.actors import ActorSystem

from adapters.thespian_unix.register import register

BASE = os.environ["NZEZA_THESPIAN_BASE"]
CONVENTION = "Convention Address.IPv4"

register()


def start(capabilities: dict[str, Any]) -> Any:
    system = ActorSystem(
        systemBase=BASE,
        capabilities=capabilities,
        logDefs=suite.simpleActorTestLogging(),
        transientUnique=True,
    )
    system.base_name = BASE
    system.port_num = capabilities["Admin Port"]
    system.txonly = False
    return system


@pytest.fixture(params=[BASE])
def asys(request: pytest.FixtureRequest) -> Any:
    port = suite.get_free_admin_port()
    system = start(
        {
            "Foo Allowed": True,
            "Cows Allowed": True,
            "Dogs Allowed": True,
            "dog": "food",
            "Admin Port": port,
            CONVENTION: ("", port),
        }
    )
    request.addfinalizer(system.shutdown)
    return system


def similar_asys(
    asys: Any, in_convention: bool = True, start_wait: bool = True, capabilities: dict[str, Any] | None = None
) -> Any:
    own = capabilities or {}
    own["Admin Port"] = suite.get_free_admin_port()
    if in_convention:
        own[CONVENTION] = ("", asys.port_num)
    system = start(own)
    if in_convention and start_wait:
        time.sleep(0.25)  # the suite's own wait for the two systems to find each other
    return system


suite.asys = asys
suite.similar_asys = similar_asys


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what brings a list of bases of its own, unless it is for this one."""

    def is_ours(item: pytest.Item) -> bool:
        parameters = getattr(item, "callspec", None)
        names = [str(value) for value in parameters.params.values()] if parameters else []
        bases = [name for name in names if name.startswith(("multiproc", "simpleSystem"))]
        return all(name == BASE for name in bases)

    others = [item for item in items if not is_ours(item)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if is_ours(item)]
