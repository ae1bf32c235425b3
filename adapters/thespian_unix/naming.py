"""Thespian's words for where an actor system is: its capabilities, and "host:port" strings."""

from __future__ import annotations

from typing import Any

from thespian.actors import ActorAddress, ActorSystemStartupFailure, InvalidActorAddress
from thespian.system.messages.convention import CONV_ADDR_IPV4_CAPABILITY

from adapters.thespian_unix.address import UnixAddress
from adapters.thespian_unix.socket_directory import DirectoryRefused, directory_of

DEFAULT_PORT = 1900  # only a name here, and Thespian's own


def admin_of(port: object) -> ActorAddress:
    """Return the address of the admin that calls itself `port`.

    Raises:
        ActorSystemStartupFailure: it can't have one.
    """
    try:
        return ActorAddress(UnixAddress(str(directory_of(port) / "admin")))
    except DirectoryRefused as refusal:
        raise ActorSystemStartupFailure(str(refusal)) from None


def admin_by_capabilities(capabilities: dict[str, Any]) -> ActorAddress:
    return admin_of(capabilities.get("Admin Port", DEFAULT_PORT))


def admin_by_text(text: str | tuple[str, object]) -> ActorAddress:
    """Return the admin of "host:port" or (host, port), whatever the host: there is only this one."""
    if isinstance(text, tuple):
        return admin_of(text[1])
    return admin_of(text.partition(":")[2] or DEFAULT_PORT)


def convention_admins(capabilities: dict[str, Any]) -> list[ActorAddress] | None:
    """Return the admins of systems that want to know each other, the first one leading.

    Raises:
        InvalidActorAddress: the capability doesn't read as addresses.
    """
    named = capabilities.get(CONV_ADDR_IPV4_CAPABILITY)
    if not named:
        return None
    try:
        return [admin_by_text(text) for text in (named if isinstance(named, list) else [named])]
    except (AttributeError, IndexError, TypeError) as error:
        raise InvalidActorAddress(named, str(error)) from error
