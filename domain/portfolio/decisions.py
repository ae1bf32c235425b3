"""Why signals were traded or not: a count for each reason, and the numbers of the newest refusal."""

from __future__ import annotations

from collections import Counter

from domain.instrument import InstrumentId
from domain.portfolio.shared_checks import Refused


class Decisions(Counter[str]):
    """How often each was made. A reason is one word, so that it can be counted; why just so, is in `declined`."""

    def __init__(self) -> None:
        super().__init__()
        self.declined: dict[str, str] = {}  # reason -> "coinbase:BTC-USD: 1200 > 1000", of the newest opening

    def refuse(self, key: InstrumentId, refused: Refused) -> None:
        """Count an opening that one check did not let pass."""
        self[refused.reason] += 1
        self.declined[refused.reason] = f"{key}: {refused.detail}" if refused.detail else str(key)
