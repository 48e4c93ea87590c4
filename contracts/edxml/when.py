"""Dates and times as senders write them."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec

VIETNAM = timezone(timedelta(hours=7))

_DAY = r"(?:(?P<y>\d{4})[/.-](?P<m>\d{1,2})[/.-](?P<d>\d{1,2})|(?P<d2>\d{1,2})[/.-](?P<m2>\d{1,2})[/.-](?P<y2>\d{4}))"
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
_ZONE = r"(?:Z|[+-]\d{2}:?\d{2})"
_WHEN = re.compile(rf"{_DAY}(?:[T\s]+{_TIME}\s*(?P<zone>{_ZONE})?)?", re.ASCII)


class When(msgspec.Struct, frozen=True):
    """A date or time: the text as it was written, and what it means where it means anything. Practice knows `yyyy/MM/dd`
    (QCVN 102), `dd/MM/yyyy` (e-doc), both with or without `HH:mm:ss`, and days that do not exist ("2014/02/30")."""

    text: str

    @property
    def at(self) -> datetime | None:
        """Aware; Vietnam's time where the text names no zone, midnight where it names no hour. None: it is no date."""
        found = _WHEN.fullmatch(self.text)
        return None if found is None else _moment(found)

    @property
    def on(self) -> date | None:
        """The day, in Vietnam."""
        at = self.at
        return None if at is None else at.astimezone(VIETNAM).date()

    @property
    def strict(self) -> str:
        """As the QCVN 102 dialect writes it; a text that is no date stays as it is."""
        return self._as("%Y/%m/%d")

    @property
    def edoc(self) -> str:
        """As the e-doc dialect writes it."""
        return self._as("%d/%m/%Y")

    def _as(self, day: str) -> str:
        at = self.at
        if at is None:
            return self.text
        return at.astimezone(VIETNAM).strftime(f"{day} %H:%M:%S" if ":" in self.text else day)


def _moment(found: re.Match[str]) -> datetime | None:
    part = found.groupdict()
    year, month, day = part["y"] or part["y2"], part["m"] or part["m2"], part["d"] or part["d2"]
    if not 1900 <= int(year) <= 2200:  # "0001/01/01" is what .NET writes for no date
        return None
    try:
        return datetime(
            int(year), int(month), int(day), int(part["hour"] or 0), int(part["minute"] or 0), int(part["second"] or 0),
            tzinfo=_zone(part["zone"]),
        )  # fmt: skip
    except ValueError:
        return None


def _zone(text: str | None) -> timezone:
    if text is None:
        return VIETNAM
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def moment(at: datetime) -> When:
    """A time as we write it: Vietnam's, to the second."""
    return When(at.astimezone(VIETNAM).strftime("%Y/%m/%d %H:%M:%S"))


def day(on: date) -> When:
    return When(on.strftime("%Y/%m/%d"))
