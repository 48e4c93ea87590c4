"""Whose a client certificate is, while the directory changes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.agency import AgencyCode
from lgsp.http import auth
from lgsp.http.auth import AgencyAuthenticator

OLD, NEW = AgencyCode("H01.101"), AgencyCode("H01.102")


class Store:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.owner: AgencyCode | None = OLD
        self.asked = asyncio.Semaphore(0)
        self.answer = asyncio.Event()

    async def certificate_owner(self, fingerprint: str) -> AgencyCode | None:
        owner = self.owner
        self.asked.release()
        await self.answer.wait()
        return owner


async def test_a_certificate_removed_during_its_look_up_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer from before the change belongs to the directory of before: the next caller asks again."""
    store, directory = Store(), SimpleNamespace(current=SimpleNamespace(version=1, agencies={}))
    ask: Any = SimpleNamespace(headers={})
    found: list[AgencyCode] = []
    monkeypatch.setattr(auth, "peer_certificate", lambda request: b"one" if request is ask else b"other")
    monkeypatch.setattr(AgencyAuthenticator, "_living", lambda self, code: found.append(code))
    parts: Any = (None, store, directory, None)
    authenticator = AgencyAuthenticator(*parts)
    early = asyncio.create_task(authenticator.caller(ask))
    await store.asked.acquire()
    directory.current.version, store.owner = 2, NEW
    other = asyncio.create_task(authenticator.caller(SimpleNamespace(headers={})))  # type: ignore[arg-type]
    await store.asked.acquire()
    store.answer.set()
    await asyncio.gather(early, other)
    await authenticator.caller(ask)
    assert found == [OLD, NEW, NEW]
