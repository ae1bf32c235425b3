"""Whether a directory is ours alone. Where others may write, they may plant links in the place of our files; where
they may read, they see what we own and do; and where they own a directory above, they may put another in its place.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOT = 0


def why_not_private(directory: Path) -> str:
    """Return why `directory` isn't for us alone, and what to do; empty when it is. It must exist."""
    problem = why_not_safe_place(directory)
    if problem:
        return problem
    found = directory.stat()
    if found.st_uid != os.geteuid():
        return f"belongs to {_user(found.st_uid)}"
    if found.st_mode & 0o077:
        return (
            f"is open to others (mode {stat.S_IMODE(found.st_mode):03o}), who may have put things into it: "
            f"look, then chmod 700 {str(directory)!r}"
        )
    return ""


def why_not_safe_place(path: Path) -> str:
    """Return which directory above `path` lets others put something else in its place; empty when none does."""
    for above in _ways_to(path):
        try:
            found = above.lstat()
        except FileNotFoundError:
            return ""  # what isn't there yet, we make
        if not _is_trusted(found.st_uid):
            kind = "link" if stat.S_ISLNK(found.st_mode) else "directory"
            return f"lies below a {kind} that belongs to {_user(found.st_uid)}: {str(above)!r}"
        if not stat.S_ISLNK(found.st_mode) and _lets_others_move(found):
            return f"lies below a directory in which others may write (mode {stat.S_IMODE(found.st_mode):03o}): {str(above)!r}"
    return ""


def strangers(directory: Path) -> Iterator[str]:
    """Yield what in `directory` isn't simply a file of ours: links, and what belongs to others."""
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            found = entry.stat(follow_symlinks=False)
            if found.st_uid != os.geteuid():
                yield f"{entry.name!r} in it belongs to {_user(found.st_uid)}"
            elif stat.S_ISLNK(found.st_mode):
                yield f"{entry.name!r} in it is a link"
            elif stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                yield f"{entry.name!r} in it is a file that has a second name elsewhere"


def _ways_to(path: Path) -> Iterator[Path]:
    """Yield every directory and link on the way to `path`, as it is written and as it really lies."""
    written = path.absolute()
    yield from reversed(written.parents)
    if written.is_symlink():
        yield written
    yield from reversed(written.resolve().parents)


def _is_trusted(uid: int) -> bool:
    return uid in (_ROOT, os.geteuid()) or uid == _nobody_here()


def _lets_others_move(found: os.stat_result) -> bool:
    """Tell whether others may take away what lies in this directory, and put something else there."""
    if found.st_mode & stat.S_ISVTX:
        return False  # as in /tmp: only what is theirs
    by_group = found.st_mode & stat.S_IWGRP and not _is_own_group(found.st_gid)
    return bool(found.st_mode & stat.S_IWOTH or by_group)


def _is_own_group(gid: int) -> bool:
    """Tell whether nobody else is in a group: root's, and that which many systems make for each user."""
    if gid == _ROOT:
        return True
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and not set(group.gr_mem) - {user.pw_name}


@cache
def _nobody_here() -> int:
    """Return the number under which a container sees the owner of the system's own directories, whom it can't name.

    Where all users have names, that number is a user like any other; root's is returned instead.
    """
    try:
        unnamed = int(Path("/proc/sys/kernel/overflowuid").read_text())
        named = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
        is_named = any(int(first) <= unnamed < int(first) + int(count) for first, _, count in named)
        return _ROOT if is_named else unnamed
    except (OSError, ValueError):
        return _ROOT


def _user(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
