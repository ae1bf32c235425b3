"""Keys leave the environment, also the one that the kernel shows, and are for those who sign."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from adapters.key_vault import KeyVault
from tests.places import PROJECT

PROGRAM = """
import os, subprocess, sys
from adapters.key_vault import VAULT

print(flush=True)
sys.stdin.readline()  # the other process looks at our memory
VAULT.lock_away(["API_SECRET", "API_KEY", "NOT_SET"])
print(flush=True)
sys.stdin.readline()
assert b"secret" not in open("/proc/self/environ", "rb").read()
assert b"OTHER=other" in open("/proc/self/environ", "rb").read()
executed = subprocess.run(["env"], capture_output=True, text=True, close_fds=False).stdout
assert "OTHER=other" in executed and "API_" not in executed

child = os.fork()
if child == 0:
    assert b"secret" not in open("/proc/self/environ", "rb").read()
    assert VAULT.get("API_KEY") == "name"
    VAULT.give_up()
    assert (VAULT.get("API_KEY"), VAULT.get("API_SECRET", "none")) == ("", "none")
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
sys.exit(0 if VAULT.get("API_SECRET")[:6] == "secret" else 1)
"""


def test_key_is_in_no_environment_and_no_memory_until_it_is_read() -> None:
    environment = {"API_SECRET": "secret-a3f7", "API_KEY": "name", "OTHER": "other", "PATH": os.environ["PATH"]}

    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        before = occurrences(process.pid, b"secret-a3f7")
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        after = occurrences(process.pid, b"secret-a3f7")
        process.stdin.write(b"\n")
        process.stdin.flush()
        status = process.wait(timeout=10)

    assert before > 0 and after == 0
    assert status == 0


def occurrences(pid: int, text: bytes) -> int:
    found = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            first, last = (int(end, 16) for end in line.split()[0].split("-"))
            if line.split()[1].startswith("rw"):
                memory.seek(first)
                found += memory.read(last - first).count(text)
    return found


@pytest.fixture
def vault() -> Iterator[KeyVault]:
    vault = KeyVault()
    yield vault
    vault.give_up()


def test_without_a_vault_the_environment_is_read(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "name")

    assert (vault.get("API_KEY"), vault.get("MISSING"), vault.get("MISSING", "none")) == ("name", "", "none")


def test_values_are_kept_as_they_were(vault: KeyVault, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"ONE": "-----BEGIN\n\u00fc\udcff", "TWO": "", "THREE": "x", "FOUR": "y" * 5000}
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    vault.lock_away(values)

    assert {name: vault.get(name) for name in values} == values
    assert not values.keys() & os.environ.keys()
