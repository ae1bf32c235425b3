"""The import path of people's own code: what is named here is promised. Nothing may be taken away or moved."""

from __future__ import annotations

import nzeza.strategies
import nzeza.testing

PROMISED = {
    nzeza.strategies: "STRATEGIES Bollinger Candle Ema Macd Rsi Side Stochastic Strategy Vote Vwap",
    nzeza.testing: "BaseActor Candle Command Event MarketBatch Message Quote Role Settings Signal SignalEngine "
    "SignalSettings Stage Trade explore market open_stage",
}


def test_every_promised_name_is_there() -> None:
    missing = {
        module.__name__: [name for name in names.split() if name not in module.__all__ or not hasattr(module, name)]
        for module, names in PROMISED.items()
    }
    assert missing == {"nzeza.strategies": [], "nzeza.testing": []}
