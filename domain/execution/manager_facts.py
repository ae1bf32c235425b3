"""What the order manager must know besides settings and the journal: the venues' rules, and what runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from domain.execution.order_rules import OrderRulesFactory
from domain.reconciliation.evidence import EvidenceFactory


class ManagerFacts(NamedTuple):
    """Gathered by whoever starts the router; nothing of it changes in a run."""

    resubmits_safely: Mapping[str, bool]  # venue -> whether the same id and body again can never make a second order
    configuration_hash: str
    code_version: str
    counts_since: int = sys.maxsize  # UTC ns when the run began, whose earlier routers' work is counted too
    evidence: Mapping[str, EvidenceFactory] = MappingProxyType({})  # venue -> what proves what; without it, nothing
    order_rules: Mapping[str, OrderRulesFactory] = MappingProxyType({})  # venue -> what orders it takes; else any

    @property
    def provenance(self) -> tuple[str, str]:
        """Return what the journal notes with each order: which settings, and which code."""
        return self.configuration_hash, self.code_version
