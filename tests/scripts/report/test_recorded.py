"""A recording ends with what it has brought."""

import os
from pathlib import Path

from scripts.report.recorded import recorded


def test_the_files_of_this_run_are_named_with_their_sizes(tmp_path: Path) -> None:
    for name, at in (("coinbase-1", 100), ("dydx-2", 2_000)):
        path = tmp_path / f"{name}.frames.gz"
        path.write_bytes(b"x" * 1_500_000)
        os.utime(path, (at, at))

    assert recorded(tmp_path, since_s=1_999.5) == [f"recorded: {tmp_path}/dydx-2.frames.gz (1.50 MB)"]
    assert recorded(tmp_path / "missing", since_s=0) == []
