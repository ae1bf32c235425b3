# Sourced by scripts/start and scripts/test: makes .venv and installs the project into it, when needed.
# It needs Python 3.11 or later and nothing else; pip keeps whatever configuration the machine gives it.

project="$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)"
venv="$project/.venv"

fail() {
    echo "nzeza: $*" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v -- "$candidate"
            return
        fi
    done
    fail "Python 3.11 or later is needed, and no python3 in PATH is one"
}

# What an installation depends on: changed in any of these, it is made anew. The path counts because the
# virtual environment stops working when the project moves.
fingerprint() {
    "$venv/bin/python" -I -S - "$project" <<'PYTHON' 2>/dev/null
import hashlib, pathlib, sys
project = sys.argv[1]
files = [pathlib.Path(project, name).read_bytes() for name in ("setup.cfg", "pyproject.toml", "constraints.txt")]
parts = [sys.version.encode(), project.encode("utf-8", "surrogateescape"), *files]
print(hashlib.sha256(b"\0".join(parts)).hexdigest())
PYTHON
}

# Usage: is_installed EXTRAS; an installation for tests serves runs too.
is_installed() {
    local now
    now="$(fingerprint)" || return
    [ "$now" = "$(cat -- "$venv/installed$1" 2>/dev/null)" ] ||
        [ "$now" = "$(cat -- "$venv/installed[test]" 2>/dev/null)" ]
}

# Run quietly; show what it said only when it fails.
quietly() {
    local said
    said="$("$@" 2>&1)" || { printf '%s\n' "$said" >&2; return 1; }
}

take_lock() {
    "$1" - <<'PYTHON'
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("nzeza: waiting for another installation to end", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
PYTHON
}

# Usage: install EXTRAS
install() {
    local python
    python="$(find_python)" || exit
    # One installer at a time. The lock lies on the directory, so that no file is left behind, and the kernel
    # drops it if we are killed; Python takes it for us, since not every machine has the flock command.
    exec 9<"$project"
    take_lock "$python" || fail "cannot lock $project"
    if ! is_installed "$1"; then
        echo "nzeza: installing into $venv (once; it takes a minute)" >&2
        rm -f -- "$venv"/installed*
        if ! "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            quietly "$python" -m venv --clear "$venv" ||
                fail "$python cannot make a virtual environment in $venv (Debian and Ubuntu: apt install python3-venv)"
        fi
        (cd -- "$project" && quietly "$venv/bin/python" -m pip install --disable-pip-version-check \
            --constraint constraints.txt --editable ".$1") ||
            fail "pip could not install the dependencies of setup.cfg in the versions of constraints.txt; its own words are above"
        fingerprint >"$venv/installed$1"
    fi
    exec 9<&-
}

# Usage: bootstrap ["[test]"]
bootstrap() {
    is_installed "${1-}" || install "${1-}"
}
