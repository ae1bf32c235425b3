"""What the maker of a process hands it, pickled if it spawns: who its transport is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thespian.system.transport import TransportInit__Base

from adapters.thespian_unix.lifelines import Lifeline


@dataclass(frozen=True)
class ProcessEndpoint(TransportInit__Base):  # type: ignore[misc]  # Thespian has no types
    """A process of the system: its admin, its logger or an actor."""

    addrInst: Any  # the instance number by which the maker will recognise it; Thespian reads it
    assigned: Any  # ActorAddress, for the admin; the others name themselves
    admin: Any  # ActorAddress
    lifelines: tuple[Lifeline, ...]  # it ends with any of them


@dataclass(frozen=True)
class ContextEndpoint(TransportInit__Base):  # type: ignore[misc]  # Thespian has no types
    """One more door into the system for a process outside of it."""

    admin: Any  # ActorAddress
    lifelines: tuple[Lifeline, ...]
