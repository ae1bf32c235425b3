"""kill -9 of the journal's writer, on real processes and a real disk."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_reader import JournalReader

WRITER = """
import sys
from adapters.storage.journal import SqliteJournal
from domain.messages.journal import HaltRaised

journal = SqliteJournal(sys.argv[1], code_version="test")
number = 0
while True:
    batch = [HaltRaised(ts_event=number + i, scope="all", reason="x" * 500) for i in range(3)]
    journal.append(batch, recorded_at=number)
    number += 3
    print(number, flush=True)
"""


@pytest.mark.system
def test_a_writer_killed_in_mid_append_leaves_a_prefix_without_holes(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    acknowledged = 0

    for lines_before_the_kill in (1, 40, 90):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(lines_before_the_kill):
            last_line = writer.stdout.readline()
        writer.kill()
        rest = writer.stdout.read().split()
        writer.wait()
        acknowledged += int(rest[-1]) if rest and rest[-1] else int(last_line)

        seqs = [entry.seq for entry in JournalReader(path).read()]

        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= acknowledged  # what was acknowledged is there
        assert len(seqs) % 3 == 0  # no half batch
        acknowledged = len(seqs)

    SqliteJournal(path, code_version="test").close()  # and a next writer gets the lock
