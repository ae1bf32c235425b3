"""Where the project lies, and the recorded payloads of venues that may lie beside it."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
WIRE = PROJECT.parent / "shared" / "wire"  # tests that read from it are skipped where it isn't
