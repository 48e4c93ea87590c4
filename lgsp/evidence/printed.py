"""The result of a check as text for a person, and as a value for a program."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lgsp.evidence.findings import Finding, Happening, Result, ShownKey, State
from lgsp.evidence.report_view import VIETNAM
from lgsp.evidence.timeline import ROUTED
from lgsp.evidence.words import CHECKS, CONFIRMED, KEYS, NOT_CONFIRMED, STATES, VERDICTS, happening
from signing.words import Words

Line = tuple[str, str | None]  # and its colour
_COLOURS = {State.FITS: "green", State.WRONG: "red", State.UNCONFIRMED: "yellow", State.NOT_HERE: None}
_MARKS = {State.FITS: "✓", State.WRONG: "✗", State.UNCONFIRMED: "?", State.NOT_HERE: "–"}
_EXIT_COLOURS = {0: "green", 1: "red", 2: "red", 3: "yellow"}


def lines(name: str, result: Result) -> Iterator[Line]:
    """The verdict first, then what it rests on, then what is proved."""
    words = VERDICTS[result.exit]
    yield f"{words.vi}\n{words.en}", _EXIT_COLOURS[result.exit]
    yield f"\nTệp · File: {name}\n  SHA-256 {result.file_sha256}", None
    if result.made_at is not None:
        made = result.made_at.astimezone(VIETNAM).isoformat(sep=" ", timespec="seconds")
        yield f"Về · About: {plain(result.subject)}", None
        yield f"Trục · Hub: {plain(result.hub)}; {made}; {plain(result.made_for)} ({result.view})", None
    if result.root:
        yield f"Nhật ký · Log: {plain(result.origin)}, {result.tree_size} dòng · entries, {result.root}", None
    yield "\nĐã kiểm tra · Checked", None
    for one in result.findings:
        yield from _finding(one)
    if result.keys:
        yield "\nKhóa · Keys", None
        for key in result.keys:
            yield _key(key)
    for message in result.messages if result.exit != 1 else ():
        yield f"\n{plain(message.sender)}/{plain(message.message_id)} {message.kind}", None
        for each in message.timeline:
            yield _happening(each), None


def form(name: str, result: Result) -> dict[str, Any]:
    """For programs: the same. `exit`: as the exit status."""
    found: dict[str, Any] = msgspec.to_builtins(result)
    return {"file": name, "exit": int(result.exit), "verdict": result.exit.name.lower(), **found}


def plain(text: str) -> str:
    """Others' text on one line: control and direction characters are written out."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def _finding(one: Finding) -> Iterator[Line]:
    words, state = CHECKS[one.what], STATES[one.state]
    yield f"  {_MARKS[one.state]} {_said(words)}: {_said(state)}", _COLOURS[one.state]
    told = " ".join(part for part in (plain(one.place), plain(one.detail)) if part)
    if told:
        yield f"      {told}", None


def _key(one: ShownKey) -> Line:
    said = CONFIRMED if one.confirmed else NOT_CONFIRMED
    text = f"  {_said(KEYS[one.role])}: {_said(said)}\n      {plain(one.name)} {plain(one.text)}".rstrip()
    return text, "green" if one.confirmed else "yellow"


def _happening(one: Happening) -> str:
    at = one.at.astimezone(VIETNAM).isoformat(sep=" ", timespec="seconds")
    reason = _said(happening(one.reason)) if one.name == ROUTED and one.reason else plain(one.reason)
    number = f"№ {one.number}" if one.number else ""
    attempt = f"lần · attempt {one.attempt}" if one.attempt else ""
    told = "; ".join(part for part in (plain(one.recipient), number, attempt, reason, plain(one.detail)) if part)
    return f"  {at}  {_said(happening(one.name))}  {told}  [{one.index}]"


def _said(words: Words) -> str:
    return plain(words.vi) if words.vi == words.en else f"{words.vi} · {words.en}"
