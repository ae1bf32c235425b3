"""What an instrument was when we last sent an order in it: enough to reduce a position while nobody lists it."""

from __future__ import annotations

from msgspec.structs import replace

from domain.instrument import Instrument
from domain.messages.journal import InstrumentDefined


def definition(instrument: Instrument, ts_event: int) -> InstrumentDefined:
    """Return the journal's word for `instrument`. Whether it trades now is no part of what it is."""
    return InstrumentDefined(
        ts_event=ts_event,
        venue=instrument.venue,
        instrument=instrument.name,
        symbol=instrument.symbol,
        kind=instrument.kind,
        base=instrument.base,
        quote=instrument.quote,
        settlement=instrument.settles_in,
        tick_size=instrument.tick_size,
        lot_size=instrument.lot_size,
        min_quantity=instrument.min_quantity,
        max_quantity=instrument.max_quantity,
        min_notional=instrument.min_notional,
        max_significant_digits=instrument.max_significant_digits,
        contract_size=instrument.contract_size,
        max_leverage=instrument.max_leverage,
        maintenance_ratio=instrument.maintenance_ratio,
    )


def defined(event: InstrumentDefined) -> Instrument:
    """Return the instrument of a definition. It is not tradable: openings wait for the venue's listing."""
    return Instrument(
        venue=event.venue,
        name=event.instrument,
        symbol=event.symbol,
        base=event.base,
        quote=event.quote,
        tick_size=event.tick_size,
        lot_size=event.lot_size,
        min_quantity=event.min_quantity,
        max_quantity=event.max_quantity,
        min_notional=event.min_notional,
        max_significant_digits=event.max_significant_digits,
        kind=event.kind,
        is_tradable=False,
        settlement="" if event.settlement == event.quote else event.settlement,
        contract_size=event.contract_size,
        max_leverage=event.max_leverage,
        maintenance_ratio=event.maintenance_ratio,
    )


def is_as_defined(instrument: Instrument, known: Instrument | None) -> bool:
    """Tell whether a listed instrument still is what its definition says."""
    settlement = "" if instrument.settlement == instrument.quote else instrument.settlement
    return known == replace(instrument, is_tradable=False, settlement=settlement)
