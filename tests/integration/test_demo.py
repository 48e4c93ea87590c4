"""The demo against a hub in a process of its own, with a real journal: a scaled day comes out well, also when the hub dies."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from lgsp.bootstrap.stores import open_store
from lgsp.commands.demo_seed import seed_demo
from lgsp.demo.hub_client import HubClient
from lgsp.demo.result import DemoResult
from lgsp.demo.runner import DemoFailed, run_demo
from lgsp.demo.sandbox import Sandbox, visitors_mailbox
from lgsp.demo.show import Screen
from lgsp.settings import Settings

_WAIT_S = 60.0
# Two documents and a recall to three communes each, one of which speaks SOAP, one has a mailbox and one a server.
LETTERS = {"letters": "9", "letters_sealed": "9", "letter_statuses": "6", "letters_recalled": "3"}
PLANTED = {"post_account": "3"}  # mistakes in the account of the post


class HubProcess:
    """`lgsp run` in a data directory of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it is ready."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LGSP_")} | {
            "LGSP_DATA_DIR": str(self.settings.data_dir),
            "LGSP_LISTEN_PORT": str(self.settings.listen_port),
            "LGSP_LOG_LEVEL": "warning",
            "LGSP_MIN_FREE_BYTES": "0",
        }
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-m", "lgsp.cli", "run", env=environ)
        await until(self._is_ready)

    async def kill(self) -> None:
        """As the power failure does it."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _is_ready(self) -> bool:
        assert self._process is not None and self._process.returncode is None, "the hub has ended"
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(f"{self.settings.base_url}/readyz") as response:
                return response.status == 200
        return False

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(how)
            try:
                await asyncio.wait_for(process.wait(), _WAIT_S)
            except TimeoutError:
                process.kill()
                raise


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_WAIT_S):
        while not await holds():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def enrolled_hub(data_dir: Path) -> AsyncIterator[tuple[HubProcess, Sandbox]]:
    settings = replace(Settings(), data_dir=data_dir, listen_port=free_port())
    async with open_store(settings) as store:
        sandbox = await seed_demo(store, settings)
    hub = HubProcess(settings)
    await hub.start()
    try:
        yield hub, sandbox
    finally:
        await hub.stop()


def silent() -> Screen:
    return Screen(Console(), quiet=True)


def broken(result: DemoResult) -> list[str]:
    return [
        f"{check.name}: {check.found} of {check.expected} {check.detail}" for check in result.checks if check.verdict == "broken"
    ]


async def test_a_scaled_day_keeps_every_promise(tmp_path: Path) -> None:
    """120 cases in a few seconds: everything accepted arrives, once, in order, and every mistake made on purpose is refused.

    A second day in the same hub, with a seed of its own, comes out as well as the first.
    """
    async with enrolled_hub(tmp_path) as (_, sandbox):
        said = StringIO()
        result = await run_demo(sandbox, Screen(Console(file=said, width=120)), cases=120, duration_s=4)
        again = await run_demo(sandbox, silent(), cases=20, duration_s=1)
    assert (broken(result), result.trouble, result.exit_code) == ([], "", 0)
    assert (broken(again), again.exit_code) == ([], 0)
    assert result.figures.cases == 120
    assert result.figures.deliveries > result.figures.messages > 600
    (files,) = (check for check in result.checks if check.name == "files")
    assert int(files.found) >= 5, "attachments were uploaded and fetched"
    names = {check.name for check in result.checks}
    assert {"order", "once", "lesson_resent", "lesson_id_reused", "lesson_split_recipient", "lesson_wrong_sender"} <= names
    found = {check.name: check.found for check in result.checks}
    assert {name: found[name] for name in LETTERS | PLANTED} == LETTERS | PLANTED
    shown = said.getvalue()
    assert "Mọi cam kết được giữ" in shown
    assert result.case_number is not None and f"lgsp trace {result.case_number}" in shown


async def test_a_hub_killed_in_the_middle_of_the_day_loses_nothing(tmp_path: Path) -> None:
    """kill -9 while envelopes are under way: the systems send the same bytes again, and after the restart every promise holds."""
    async with enrolled_hub(tmp_path) as (hub, sandbox):
        day = asyncio.create_task(run_demo(sandbox, silent(), cases=120, duration_s=6))
        await until(lambda: accepted_at_least(hub, 200))
        await hub.kill()
        await hub.start()
        result = await day
    assert (broken(result), result.trouble) == ([], "")


async def test_the_same_day_twice_in_one_hub_is_not_delivered_twice(tmp_path: Path) -> None:
    """The same seed gives the same message ids, made at another time: other bytes under used ids, which the hub refuses."""
    async with enrolled_hub(tmp_path) as (_, sandbox):
        first = await run_demo(sandbox, silent(), cases=9, duration_s=1, seed=7)
        second = await run_demo(sandbox, silent(), cases=9, duration_s=1, seed=7, patience_s=1)
    assert broken(first) == []
    assert second.exit_code == 1
    (refused,) = (check for check in second.checks if check.name == "no_wrong_refusal")
    assert "envelope.id_reused" in refused.detail
    assert second.figures.deliveries == 0


async def test_systems_that_stay_make_room_for_a_later_day_and_come_back(tmp_path: Path) -> None:
    """With --stay the process goes on answering, leaves the port to another demo, and ends with its standard input.

    One mailbox it does not empty: something is left there for who looks in.
    """
    async with enrolled_hub(tmp_path) as (_, sandbox):
        command = ["-m", "lgsp.demo", "--sandbox", str(tmp_path / "sandbox.json"), "--cases", "9", "--seconds", "1"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--json", "--stay", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None and process.stdout is not None
        told = json.loads(await read_json(process.stdout))
        assert told["passed"] and told["figures"]["cases"] == 9
        assert await answers(sandbox)
        assert "case.result/1" in await left_for_visitors(sandbox)
        assert broken(await run_demo(sandbox, silent(), cases=9, duration_s=1)) == []
        await until(lambda: answers(sandbox))
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), _WAIT_S) == 0
        assert not await answers(sandbox)


async def test_a_hub_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    """No hub, no day: an explanation in both languages instead of a trace of calls."""
    settings = replace(Settings(), data_dir=tmp_path, listen_port=free_port())
    async with open_store(settings) as store:
        sandbox = await seed_demo(store, settings)
    with pytest.raises(DemoFailed) as failed:
        await run_demo(sandbox, silent(), cases=9, duration_s=1, patience_s=0.2)
    assert settings.base_url in failed.value.vi
    assert "hub" in failed.value.en


async def test_enrolling_twice_keeps_secrets_and_the_version_of_the_directory(tmp_path: Path) -> None:
    """What was handed out stays valid, what did not change is not written, and the file is its owner's alone."""
    settings = replace(Settings(), data_dir=tmp_path, listen_port=free_port())
    async with open_store(settings) as store:
        first = await seed_demo(store, settings)
        version = await store.directory_version()
        second = await seed_demo(store, settings)
        assert (second, await store.directory_version()) == (first, version)
    assert (tmp_path / "sandbox.json").stat().st_mode & 0o777 == 0o600
    assert len(first.members) > 102


async def accepted_at_least(hub: HubProcess, number: int) -> bool:
    async with aiohttp.ClientSession() as session, session.get(f"{hub.settings.base_url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return any(line.startswith("lgsp_envelopes_accepted_total ") and float(line.split()[1]) >= number for line in lines)


async def left_for_visitors(sandbox: Sandbox) -> list[str]:
    """Kinds of what waits in the mailbox that the summary names."""
    async with aiohttp.ClientSession() as session:
        hub = HubClient(session, sandbox.hub_url, sandbox.members[visitors_mailbox(sandbox)], 10.0)
        entries = await hub.mailbox(100, 10.0)
        return [json.loads(await hub.fetch(entry.delivery_id))["envelope"]["kind"] for entry in entries]


async def answers(sandbox: Sandbox) -> bool:
    """Whether somebody listens where the simulated systems should."""
    with suppress(aiohttp.ClientError):
        async with aiohttp.ClientSession() as session, session.post(f"{sandbox.push_base_url}/push/nobody") as response:
            return response.status == 404
    return False


async def read_json(stream: asyncio.StreamReader) -> bytes:
    """Up to the brace that closes the document."""
    return await asyncio.wait_for(stream.readuntil(b"\n}\n"), _WAIT_S)
