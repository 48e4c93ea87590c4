"""How the command judges a day whose process ended by a signal."""

import asyncio
import sys
from dataclasses import dataclass, field
from signal import SIGTERM
from typing import Any

import pytest

from lgsp.commands.demo import _Day

ENDS_ITSELF = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"]


@dataclass
class Stopping:
    """A hub, as far as a day looks at it."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.mark.parametrize(("stopped", "status"), [(True, None), (False, -SIGTERM)])
async def test_a_day_that_is_stopped_with_its_hub_has_not_failed(stopped: bool, status: int | None) -> None:
    """One signal for the whole group says nothing of the day; one for the day alone ended it before its verdict."""
    hub: Any = Stopping()
    if stopped:
        hub.stop.set()
    day = _Day(ENDS_ITSELF, keep_running=True)
    await day.live(hub)
    assert day.status == status
    assert hub.stop.is_set()
