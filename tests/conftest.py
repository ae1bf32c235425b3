"""What every test shares: exact decimals, and property tests that don't depend on the machine's speed."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from domain.numbers import use_exact_decimals

use_exact_decimals()

settings.register_profile(
    "nzeza", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("nzeza")
