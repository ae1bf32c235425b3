from domain.streams.replay_filter import ReplayFilter


def test_what_was_told_is_not_new() -> None:
    replays = ReplayFilter()

    assert [replays.is_new(key) for key in ("a", "b", "a", "c", "b")] == [True, True, False, True, False]


def test_only_the_newest_are_remembered() -> None:
    replays = ReplayFilter(kept=3)
    for key in "abcd":
        replays.is_new(key)

    assert [replays.is_new(key) for key in "dcb"] == [False, False, False]
    assert replays.is_new("a")
