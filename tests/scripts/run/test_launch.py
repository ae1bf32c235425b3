"""The launcher's answers: whatever goes wrong with one, the run goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from scripts.run.launch import _Run


def test_an_answer_that_fails_is_told_and_costs_only_itself() -> None:
    told: list[str] = []
    replies: list[dict[str, Any]] = []
    run: Any = SimpleNamespace(announcer=SimpleNamespace(tell=lambda text, is_shown: told.append(text)))
    request: Any = SimpleNamespace(verb="status", reply=replies.append)

    _Run._answer(run, request, lambda: replies[3])
    _Run._answer(run, request, lambda: request.reply({"fine": True}))

    assert replies == [{"error": "it could not answer: IndexError: list index out of range"}, {"fine": True}]
    [line] = told
    assert line.startswith("'status' was not answered: Traceback")
