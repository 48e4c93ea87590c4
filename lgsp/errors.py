"""What can go wrong inside the hub. Refusals of what others send are `contracts.errors.ContractError`; these are ours.

LgspError
├── Unavailable          something outside this process does not answer now: try later, nothing is lost
│   ├── JournalUnavailable
│   ├── BrokerUnavailable
│   ├── Overloaded       too much is under way; `retry_after_s` says when to come back
│   └── QuotaExceeded    the sender has had what it was granted for now; nothing is wrong with the hub
├── IllegalMove          core.lifecycle forbids the change of state: a bug
├── SettingsError        the settings are wrong; `problems` lists all of them
├── CannotListen         the address is taken, not ours, or a port that needs more rights
├── ArchiveUnderWay      the archive file before was not taken over yet
└── JournalMismatch      the store is of another version than this program
"""

from collections.abc import Sequence


class LgspError(Exception):
    """Root of the hub's own errors."""


class Unavailable(LgspError):
    """Something this process needs does not answer at the moment."""

    code = "hub.storage_unavailable"
    retry_after_s = 5


class JournalUnavailable(Unavailable):
    """The journal could not be read or written; the transaction did not happen, or its outcome is unknown."""


class BrokerUnavailable(Unavailable):
    """The broker did not confirm in time; the outbox and the sweeper publish again."""


class Overloaded(Unavailable):
    """More is under way than the hub wants to hold in memory."""

    code = "hub.overloaded"
    retry_after_s = 2


class QuotaExceeded(Unavailable):
    """The sender hands over more than it was granted; the text says how much that is."""

    code = "quota.exceeded"

    def __init__(self, granted: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(granted)


class IllegalMove(LgspError):
    """A change of state that core.lifecycle does not know."""


class SettingsError(LgspError):
    """The settings cannot be used."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class CannotListen(LgspError):
    """The address to serve on cannot be had."""


class JournalMismatch(LgspError):
    """The stored schema is newer than this program, or was changed by hand."""


class ArchiveUnderWay(LgspError):
    """There is an archive file that was begun and not taken over."""

    def __init__(self, number: int, folder: str) -> None:
        self.number = number
        self.folder = folder
        super().__init__(f"archive file {number} in {folder} was begun and not taken over")
