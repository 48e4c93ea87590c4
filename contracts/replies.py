"""What the answers of a partner mean that says in words what others say by status: a table of texts, first match wins.

"Hồ sơ đã tồn tại" with status 500 is a success, "ERROR: queue full" with status 200 is none. What is compared are whole words as
people read them ("đã" is not found in "đang", nor 10 in 101): case, marks and white space do not count, nor whether letters are
written as they are or escaped as in JSON ("\\u1ed3") or XML ("&#7891;").
"""

import html
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from contracts.errors import ContractError
from contracts.outcome import Delivered, Gone, Outcome, Refused, Retry
from contracts.text import search_key

Meaning = Literal["delivered", "retry", "refused", "gone"]

MAX_REPLIES = 50
MAX_TEXT_CHARS = 200
MIN_TEXT_CHARS = 2  # "OK"; a single character stands in nearly every answer
MAX_ANSWER_CHARS = 4096  # of an answer are looked at
MAX_NOT_BEFORE_S = 24 * 3600.0

_ESCAPED = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|[nrtbf])")  # JSON inside a text of JSON has more than one stroke
_TOKEN = re.compile(r"\w+|[^\w\s\\]")


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row: an answer in which the words of `text` stand, and which has one of these HTTP statuses, means this."""

    means: Meaning
    text: str = ""  # empty: whatever it says
    status: tuple[int, int] | None = None  # first and last, both included; None: any
    not_before_s: float = 0.0  # with "retry": wait at least so long

    def covers(self, status: int | None) -> bool:
        """A row about statuses says nothing of answers without one."""
        return self.status is None or (status is not None and self.status[0] <= status <= self.status[1])


def outcome_of_reply(status: int | None, text: str, rows: Sequence[Reply], detail: str = "") -> Outcome | None:
    """What the first matching row says; None: no row matches. `status` None: the partner's protocol has none.

    `detail` goes into the outcome, for people. Never raises.
    """
    said = _as_compared(text[:MAX_ANSWER_CHARS])
    for row in rows:
        if row.covers(status) and _key(row.text) in said:
            return _outcome(row, detail)
    return None


def check_replies(rows: Sequence[Reply], field: str = "/replies") -> None:
    """Raises ContractError "endpoint.reply_invalid", naming the row, for a table that cannot be right."""
    if len(rows) > MAX_REPLIES:
        raise ContractError("endpoint.reply_invalid", field, f"{len(rows)} rows, {MAX_REPLIES} allowed")
    for place, row in enumerate(rows):
        wrong = _wrong(row)
        if wrong:
            raise ContractError("endpoint.reply_invalid", f"{field}/{place}{wrong[0]}", wrong[1])
        for earlier, other in enumerate(rows[:place]):
            if _hides(other, row):
                raise ContractError("endpoint.reply_invalid", f"{field}/{place}", f"never reached: row {earlier} matches first")


def _outcome(row: Reply, detail: str) -> Outcome:
    match row.means:
        case "delivered":
            return Delivered()
        case "retry":
            return Retry("delivery.server_error", detail, row.not_before_s)
        case "refused":
            return Refused("delivery.refused_by_recipient", detail)
        case "gone":
            return Gone(detail=detail)


def _wrong(row: Reply) -> tuple[str, str] | None:
    """Field and detail of what is wrong with a row by itself."""
    chars = len(_key(row.text).replace(" ", ""))
    if len(row.text) > MAX_TEXT_CHARS or (row.text and chars < MIN_TEXT_CHARS):
        return "/text", f"{MIN_TEXT_CHARS} to {MAX_TEXT_CHARS} characters other than white space"
    if row.status is not None and not 100 <= row.status[0] <= row.status[1] <= 599:
        return "/status", "a status or a range of 100 to 599"
    if not row.text and row.status is None:
        return "", "neither a text nor a status: it would match every answer"
    if not row.text and row.means == "delivered" and row.status is not None and row.status[1] >= 500:
        return "/text", "a server error counts as delivered only with a text that tells it apart"
    if not 0 <= row.not_before_s <= MAX_NOT_BEFORE_S or (row.not_before_s and row.means != "retry"):
        return "/not_before_s", f"0 to {MAX_NOT_BEFORE_S:g} seconds, with retry only"
    return None


def _hides(earlier: Reply, later: Reply) -> bool:
    wider = earlier.status is None or (
        later.status is not None and earlier.covers(later.status[0]) and earlier.covers(later.status[1])
    )
    return wider and _key(earlier.text) in _key(later.text)


@lru_cache(maxsize=4096)
def _key(text: str) -> str:
    return _as_compared(text)


def _as_compared(text: str) -> str:
    """Words and signs with a space before and after each; empty when there are none."""
    plain = html.unescape(_ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text))
    tokens = _TOKEN.findall(search_key(plain))
    return f" {' '.join(tokens)} " if tokens else ""
