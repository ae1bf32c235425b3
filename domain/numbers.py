"""Exact decimal arithmetic: every result is exact or an error, except in named divisions and rounding."""

from __future__ import annotations

import decimal
from decimal import Decimal

PRECISION = 80  # one product of two 18-decimal numbers needs 38 digits, with room for sums
# Inexact must stay untrapped here, also when this loads after use_exact_decimals().
_DIVISION = decimal.Context(
    prec=40,
    rounding=decimal.ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
_FINEST = Decimal(1).scaleb(-18)  # what is divided up gets no finer than the finest wire

ZERO = Decimal(0)


def use_exact_decimals() -> None:
    """Make 80 digits with Inexact trapped the rule for this thread and all threads started later."""
    for context in (decimal.DefaultContext, decimal.getcontext()):
        context.prec = PRECISION
        context.traps[decimal.Inexact] = True


def divide(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return the quotient to 40 digits: the one place where money may be inexact (averages, ratios)."""
    return _DIVISION.divide(numerator, denominator)


def proportion(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return `amount` times `part` over `whole`, to 18 decimals; all of `amount` when they are equal."""
    if part == whole:
        return amount
    return divide(_DIVISION.multiply(amount, part), whole).quantize(_FINEST, context=_DIVISION)


def settled(number: Decimal) -> Decimal:
    """Return what was divided up, to 18 decimals: so many digits that it can be reckoned with further."""
    return number.quantize(_FINEST, context=_DIVISION)


def from_ratio(ratio: float) -> Decimal:
    """Return a setting's ratio as a person wrote it: 0.02 is two hundredths, not a binary fraction."""
    return Decimal(repr(ratio))


def plain(number: Decimal) -> str:
    """Return canonical text: no exponent, no trailing zeros, no negative zero."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(number: Decimal, decimals: int) -> str:
    """Return rounded canonical text for a screen; the money itself is never rounded."""
    return plain(number.quantize(Decimal(1).scaleb(-decimals), context=_DIVISION))
