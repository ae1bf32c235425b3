"""The names of our orders at the venues: functions of the intent, so deciding again names the same order.

The first eight hex digits spell our tag, the next four are drawn once per journal: an order found at a venue is
known as sent by this very system even when the journal's tail was lost, and another's is told from it.
"""

from __future__ import annotations

import hashlib
import re

TAG = "6e7a657a"  # "nzez"
_OURS = re.compile(TAG + r"-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_VARIANTS = "89ab"
NO_INSTANCE = "0000"  # where nobody has drawn one


def mint_client_order_id(intent_id: str, leg: int, attempt: int, instance: str = NO_INSTANCE) -> str:
    """Return the id of one attempt: a UUID of version 8 (free use) that begins with our tag.

    Args:
        leg: which order of the intent's plan, from 0.
        attempt: from 1; another attempt is another order.
        instance: four hex digits that tell this system from another one on the same account.
    """
    digest = hashlib.sha256(f"{intent_id}\x1f{leg}\x1f{attempt}".encode()).hexdigest()
    variant = _VARIANTS[int(digest[7], 16) % 4]
    return f"{TAG}-{instance}-8{digest[4:7]}-{variant}{digest[8:11]}-{digest[11:23]}"


def instance_of(client_order_id: str) -> str:
    """Return which instance minted an id of ours; empty for ids that are not ours."""
    return client_order_id[len(TAG) + 1 :][:4] if is_ours(client_order_id) else ""


def is_ours(client_order_id: str) -> bool:
    """Tell whether this system (this instance or another one) minted `client_order_id`."""
    return _OURS.fullmatch(client_order_id) is not None
