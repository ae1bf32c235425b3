import os
import time
from pathlib import Path

from adapters.storage.birth import made_at


def test_when_a_file_was_made_is_about_now_where_it_is_told_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    made = made_at(path)
    assert made == 0 or abs(time.time_ns() - made) < 60 * 1_000_000_000

    path.write_bytes(b"more")
    os.utime(path, (1, 1))
    renamed = path.rename(tmp_path / "renamed")

    assert made_at(renamed) == made
    assert made_at(path) == 0
