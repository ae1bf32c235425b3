"""What tests of your own strategies and actors are written with: the stage, and what plays on it.

    from nzeza.testing import Settings, Signal, SignalEngine, SignalSettings, Stage, market

These names stay where they are, wherever the modules behind them go.
"""

from __future__ import annotations

from actors.runtime.base_actor import BaseActor
from actors.signal_engine import SignalEngine
from actors.stage.exploration import explore
from actors.stage.market import market
from actors.stage.stage import Stage
from domain.effects import Role
from domain.messages.base import Command, Event, Message
from domain.messages.market import Candle, MarketBatch, Quote, Trade
from domain.messages.signals import Signal
from domain.settings import Settings, SignalSettings
from scripts.rehearsal import open_stage

__all__ = [
    "BaseActor",
    "Candle",
    "Command",
    "Event",
    "MarketBatch",
    "Message",
    "Quote",
    "Role",
    "Settings",
    "Signal",
    "SignalEngine",
    "SignalSettings",
    "Stage",
    "Trade",
    "explore",
    "market",
    "open_stage",
]
