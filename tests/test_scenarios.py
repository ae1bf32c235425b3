"""What docs/scenarios.md numbers is cited by a test, or marked as not built and cited by none."""

from __future__ import annotations

import re

from tests.places import PROJECT

FAMILIES = ("F", "T", "WS-", "RC-", "PP-", "CB-", "EX-", "AM-", "TC-D", "TC-E")
PAGE = (PROJECT / "docs" / "scenarios.md").read_text(encoding="utf-8")
_ROW = re.compile(rf"^\| ((?:{'|'.join(FAMILIES)})\d\d[^|]*?) \|(.*)$", re.MULTILINE)
_IN_WORDS = re.compile(r"(?<![A-Za-z0-9])(F|T|WS-|RC-|PP-|CB-|EX-|AM-|TC-D|TC-E|D|E)(\d\d)(?: to \1(\d\d))?(?!\d)")
_IN_NAMES = re.compile(r"_(f|t|ws_?|rc_?|pp_?|cb_?|ex_?|am_?|tc_d|tc_e|d|e)(\d\d)(?=_)")
_BY_NAME = {family.replace("-", "").lower(): family for family in FAMILIES} | {"d": "TC-D", "e": "TC-E"}


def numbered() -> dict[str, bool]:
    """Return each number of the page, and whether it must be cited."""
    found: dict[str, bool] = {}
    for numbers, says in _ROW.findall(PAGE):
        family = re.match(r"TC-[DE]|[A-Z]+-?", numbers)[0]
        is_nothing_to_build = "offered by none" in says or "| none: " in says
        for first, last, mark in re.findall(r"(\d\d)(?:\.\.[A-Z](\d\d))?( ‡)?", numbers):
            for number in range(int(first), int(last or first) + 1):
                found[f"{family}{number:02d}"] = not (mark or is_nothing_to_build)
    return found


def cited() -> set[str]:
    found = set()
    for path in (PROJECT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for family, first, last in _IN_WORDS.findall(text):
            family = _BY_NAME.get(family.lower(), family)
            found |= {f"{family}{number:02d}" for number in range(int(first), int(last or first) + 1)}
        found |= {_BY_NAME[family.replace("_", "")] + number for family, number in _IN_NAMES.findall(text)}
    return found


def test_what_is_not_marked_as_unbuilt_is_cited_by_a_test() -> None:
    tested = cited()

    assert len(numbered()) > 200
    assert [number for number, is_due in numbered().items() if is_due and number not in tested] == []


def test_what_is_marked_as_unbuilt_is_cited_by_none() -> None:
    tested = cited()

    marked = set(re.findall(r"\b(?:F|EX-|AM-|WS-)\d\d(?= ‡ \|)", PAGE))
    assert marked
    assert sorted(marked & tested) == [], "it is built: take the ‡ off it in docs/scenarios.md"
