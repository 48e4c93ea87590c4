"""What an operator does to files of the hub (keys, trust) stands in the evidence log as well, where the hub has a journal."""

from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING

import click

from lgsp.commands.common import run

if TYPE_CHECKING:
    from lgsp.core.log.record import Action
    from lgsp.settings import Settings

_UNRECORDED = (
    "Chưa ghi được vào nhật ký bằng chứng · Not in the evidence log: {detail}. Thay đổi đã có hiệu lực · The change stands;"
    " what it was is on standard error."
)


def record_action(settings: "Settings", name: str, subject: str, digest: str = "") -> None:
    """An `Action` by whoever is at the keyboard. `digest`: of what it is now, of nothing secret.

    A machine without a journal, where keys are prepared, has no log to write to. A journal that does not answer is said, and the
    change stands: an anchor that must go at once does not wait for a database.
    """
    from lgsp.core.log.record import Action, short
    from lgsp.errors import JournalUnavailable

    path = settings.sqlite_path
    if path is not None and not path.exists():
        return
    action = Action(at=datetime.now(UTC), name=name, by=short(getuser()), subject=short(subject), digest=digest)
    try:
        run(_note(settings, action))
    except JournalUnavailable as error:
        click.secho(_UNRECORDED.format(detail=error), fg="yellow", err=True)


async def _note(settings: "Settings", action: "Action") -> None:
    from lgsp.bootstrap.stores import open_store

    async with open_store(settings) as store:
        await store.note([action])
