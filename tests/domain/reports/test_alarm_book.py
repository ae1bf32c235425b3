"""Alarms as a person reads them: each once, with its times, the newest kept."""

import msgspec

from domain.instant import SECOND_NS
from domain.messages.system import AlarmLine, AlarmOver, AlarmRaised
from domain.reports.alarm_book import AlarmBook
from tests.builders import UTC


def alarm(text: str = "unconfirmed", at_s: int = 0, subject: str = "nz-7") -> AlarmRaised:
    return AlarmRaised(ts_event=UTC + at_s * SECOND_NS, subject=subject, text=text)


def test_the_same_alarm_is_one_line_with_its_first_and_last_time_and_a_count() -> None:
    book = AlarmBook()

    is_news = [book.hear(alarm(at_s=at_s)) for at_s in (0, 5, 9)]

    assert book.lines() == [AlarmLine("nz-7", "unconfirmed", UTC, UTC + 9 * SECOND_NS, 3)]
    assert is_news == [True, False, False]


def test_the_newest_heard_comes_first_a_repeated_one_too() -> None:
    book = AlarmBook()

    for at_s, text in enumerate(("first", "second", "first")):
        book.hear(alarm(text, at_s))

    assert [line.text for line in book.lines()] == ["first", "second"]


def test_a_flood_costs_the_oldest_and_is_counted_whole() -> None:
    book = AlarmBook(most=3)

    for number in range(1000):
        book.hear(alarm(f"unique {number}"))

    assert [line.text for line in book.lines()] == ["unique 999", "unique 998", "unique 997"]
    assert book.raised == 1000


def test_a_successor_goes_on_where_the_earlier_book_ended() -> None:
    earlier, book = AlarmBook(), AlarmBook()
    for text in ("old", "both"):
        earlier.hear(alarm(text))
    book.hear(alarm("both", at_s=7))

    book.adopt(earlier.lines(), earlier.raised)

    assert book.lines() == [
        AlarmLine("nz-7", "both", UTC, UTC + 7 * SECOND_NS, 2),
        AlarmLine("nz-7", "old", UTC, UTC, 1),
    ]
    assert book.raised == 3


def test_an_alarm_that_is_over_says_so_and_leaves_the_top_until_it_is_raised_again() -> None:
    book = AlarmBook()
    for text in ("old", "new"):
        book.hear(alarm(text))
    end = AlarmOver(ts_event=UTC + SECOND_NS, subject="nz-7", text="new")

    assert [book.end(end), book.end(end)] == [True, False]
    assert [(line.text, line.over) for line in book.lines()] == [("old", 0), ("new", UTC + SECOND_NS)]
    successor = AlarmBook()
    successor.adopt(book.lines(), book.raised)
    assert [line.text for line in successor.lines()] == ["old", "new"]

    book.hear(alarm("new", at_s=9))
    assert [(line.text, line.over) for line in book.lines()] == [("new", 0), ("old", 0)]


def test_an_end_that_comes_before_the_earlier_book_ends_what_that_one_kept() -> None:
    earlier, book = AlarmBook(), AlarmBook()
    for text in ("ended", "raised again", "stands"):
        earlier.hear(alarm(text, at_s=1))

    for text in ("ended", "raised again"):
        assert not book.end(AlarmOver(ts_event=UTC + 2 * SECOND_NS, subject="nz-7", text=text))
    book.hear(alarm("raised again", at_s=3))
    book.adopt(earlier.lines(), earlier.raised)

    assert {line.text: line.over for line in book.lines()} == {
        "ended": UTC + 2 * SECOND_NS,
        "raised again": 0,
        "stands": 0,
    }


def test_a_mail_that_is_sent_again_to_a_new_monitor_counts_once_whatever_comes_first() -> None:
    earlier, early, late = AlarmBook(), AlarmBook(), AlarmBook()
    earlier.hear(alarm(at_s=1))

    early.hear(alarm(at_s=1))
    early.adopt(earlier.lines(), earlier.raised)
    late.adopt(earlier.lines(), earlier.raised)
    late.hear(alarm(at_s=1))

    assert [(book.raised, book.lines()[0].count) for book in (early, late)] == [(1, 1), (1, 1)]


def test_no_number_of_alarms_that_venues_make_hides_one_about_money() -> None:
    book = AlarmBook(most=3)
    book.hear(alarm("halted", at_s=1))

    for number in range(100):
        book.hear(msgspec.structs.replace(alarm(f"strange {number}", at_s=2 + number), is_theirs=True))

    assert [line.text for line in book.lines()] == ["halted", "strange 99", "strange 98", "strange 97"]
    successor = AlarmBook(most=3)
    successor.adopt(book.lines(), book.raised)
    assert successor.lines() == book.lines()


def test_a_total_takes_the_place_of_the_one_before_it() -> None:
    book, successor = AlarmBook(), AlarmBook()
    totals = [msgspec.structs.replace(alarm(f"{n} alarms held back", at_s=n), is_total=True) for n in (1, 5, 9)]

    for total in totals[:2]:
        book.hear(total)
    successor.adopt(book.lines(), book.raised)
    successor.hear(totals[2])

    assert [(line.text, line.count) for line in successor.lines()] == [("9 alarms held back", 1)]
