"""Which account a run trades on, and so whose journal it may go on with: one data directory, one account."""

from __future__ import annotations

from typing import NamedTuple

from domain.settings import Settings

NO_ACCOUNT = "none"


class Account(NamedTuple):
    """What a journal is bound to from its first run on."""

    mode: str  # "simulated", "live", or "none": prices only
    account: str  # which one in that mode; never a secret

    @property
    def in_words(self) -> str:
        return "prices without an account" if self.mode == NO_ACCOUNT else f"a {self.mode} account ({self.account})"


def account_of(settings: Settings) -> Account:
    """Return the account of the venues that trade; a live one is known by where its key is kept."""
    if not settings.traded:
        return Account(NO_ACCOUNT, NO_ACCOUNT)
    live = {name: venue for name, venue in settings.traded.items() if venue.mode == "live"}
    if not live:
        return Account("simulated", "simulator")
    return Account("live", ", ".join(f"{name}:{venue.api_key_env or venue.key_file}" for name, venue in live.items()))
