"""The one reader of addresses. What decides whether an address may be used is what the connection then goes to.

Parsers differ about `http://this@that`, `http://this\\@that`, `127.1` or `0x7f000001`; so only what all of them read
alike is an address here: a scheme, a name or a number in its usual form, perhaps a port, and what comes after them.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
SECURE = frozenset({"https", "wss"})
LONGEST_NAME = 253  # characters (RFC 1035)

_FORM = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?].*)?",
    re.DOTALL,
)
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as the last label: then all of it is meant as an address, not a name


class Address(NamedTuple):
    scheme: str
    host: str  # without brackets
    port: int
    netloc: str  # host and port as they were written, in lower case
    target: str  # what comes after them; "/" or more, never with a fragment

    @property
    def is_secure(self) -> bool:
        return self.scheme in SECURE

    @property
    def is_on_this_machine(self) -> bool:
        """Tell whether the host can be nothing else, whatever a name service says."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_address(url: str) -> Address:
    """Return the parts of `url`.

    Raises:
        ValueError: it is none that everybody reads alike.
    """
    found = _FORM.fullmatch(url)
    if found is None:
        raise ValueError("no address")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    if scheme not in DEFAULT_PORTS or not _is_host(host):
        raise ValueError("no address")
    port = int(found["port"]) if found["port"] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        raise ValueError("no port")
    netloc = f"{host}:{found['port']}" if found["port"] else host
    target = (found["target"] or "/").partition("#")[0]
    return Address(scheme, host.strip("[]"), port, netloc, target if target.startswith("/") else f"/{target}")


def read_base_address(url: str) -> Address:
    """Return the parts of an address that a person wrote, to which we add: without query and fragment.

    Raises:
        ValueError: it is none.
    """
    address = read_address(url)
    if "#" in url or not _PATH.fullmatch(address.target):
        raise ValueError("more than a path")
    return address


def _is_host(host: str) -> bool:
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
            return True
        *_, last = labels = host.split(".")
        if _NUMBER.fullmatch(last):
            ipaddress.IPv4Address(host)
            return True
    except ValueError:
        return False
    return len(host) <= LONGEST_NAME and all(map(_LABEL.fullmatch, labels))
