"""`lgsp simulate`: a simulated counterpart of a connected system. They stand in the source checkout, in tests/fakes."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from lgsp.commands.common import Failed, json_option, print_json, print_table, program, run, say

_START_S, _END_S, _PAUSE_S = 30.0, 5.0, 0.1

# Names of modules in tests/fakes: Vietnamese, English.
COUNTERPARTS: Mapping[str, tuple[str, str]] = {
    "national_bus": ("Trục liên thông văn bản quốc gia (edXML)", "The national document bus (edXML)"),
    "edoc_bus": ("Trục văn bản SOAP thế hệ e-doc", "A SOAP document bus of the e-doc generation"),
    "vnpost": ("Bưu chính: đơn hàng, định vị bưu gửi", "The post: orders and tracking"),
    "webhook_receiver": ("Hệ thống nhận qua webhook", "A system that is pushed to by webhook"),
    "soap_system": ("Hệ thống một cửa có dịch vụ SOAP riêng", "A one-stop desk with a SOAP service of its own"),
}


class Misbehaviour(click.ParamType[tuple[str, Any]]):
    """`NAME` or `NAME=VALUE`; a value that is no JSON is text."""

    name = "name[=value]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        name, has_value, text = value.partition("=")
        if not name:
            self.fail(f"{value!r} is not NAME or NAME=VALUE", param, ctx)
        with suppress(json.JSONDecodeError):
            return name, json.loads(text) if has_value else True
        return name, text


@click.command(short_help="Giả lập hệ thống kết nối · A simulated connected system.")
@json_option
@click.argument("name", required=False)
@click.option("--list", "lists", is_flag=True, help="Show which there are.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="On this machine; default: a free one.")
@click.option(
    "--misbehave",
    "misbehaviours",
    type=Misbehaviour(),
    multiple=True,
    metavar="NAME[=VALUE]",
    help="What it does wrong from the start, by the names that it prints; once for each. Later: POST /misbehave.",
)
def simulate(name: str | None, lists: bool, port: int, misbehaviours: tuple[tuple[str, Any], ...], as_json: bool) -> None:
    """Giả lập hệ thống kết nối · Start a simulated counterpart of a connected system, until Ctrl-C.

    \b
      lgsp simulate --list
      lgsp simulate national_bus --port 9100
      lgsp simulate vnpost --misbehave fail_next=3

    It prints what to type to connect it to a hub. It keeps nothing on disk, and its secrets protect nothing.
    """
    if lists == (name is not None):
        raise click.UsageError("Give the NAME of a counterpart, or --list.")
    if name is None:
        _show_all(as_json)
        return
    if name not in COUNTERPARTS:
        raise Failed(f"There is no counterpart {name}.", f"there are {', '.join(COUNTERPARTS)}")
    run(_serve(name, checkout(name), port or _free_port(), dict(misbehaviours), as_json))


def checkout(name: str) -> Path:
    """The folder in which the packages and `tests` stand. Raises Failed where the hub was installed without its tests."""
    root = Path(__file__).parents[2]
    if not (root / "tests" / "fakes" / f"{name}.py").is_file():
        raise Failed(
            f"Bản cài đặt này không kèm hệ thống giả lập · This installation comes without tests/fakes/{name}.py.",
            f"take a source checkout: `make run` there once, then .venv/bin/lgsp simulate {name}",
        )
    return root


async def _serve(name: str, root: Path, port: int, misbehaviours: Mapping[str, Any], as_json: bool) -> None:
    """Until it is told to stop; the counterpart ends with it."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", f"tests.fakes.{name}", "--port", str(port)),
        cwd=root,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for this process, which then ends that one
    )
    said: list[str] = []
    ended, stopped = asyncio.create_task(_heard(process, said)), asyncio.create_task(stop.wait())
    try:
        begun = asyncio.create_task(_begin(name, port, misbehaviours, ended))
        await asyncio.wait({begun, stopped}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if not stop.is_set():
            await begun
            _tell(name, f"http://127.0.0.1:{port}", said, misbehaviours, as_json)
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            raise Failed(f"{name} has ended by itself (status {process.returncode}).", "what it said stands above")
    finally:
        stopped.cancel()
        if process.returncode is None:
            process.terminate()
            await asyncio.wait({ended}, timeout=_END_S)
        if process.returncode is None:
            process.kill()
        await ended
    if not as_json:
        say("Đã dừng · Stopped.", "cyan")


async def _heard(process: asyncio.subprocess.Process, said: list[str]) -> None:
    """All that it says, and then its end."""
    assert process.stdout is not None
    async for line in process.stdout:
        said.append(line.decode("utf-8", "replace").rstrip())
    await process.wait()


async def _begin(name: str, port: int, misbehaviours: Mapping[str, Any], ended: "asyncio.Task[None]") -> None:
    """It answers, and knows how to misbehave. What it prints, it has printed before."""
    import aiohttp

    url, end = f"http://127.0.0.1:{port}", asyncio.get_running_loop().time() + _START_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_START_S)) as session:
        while not await _answers(session, url):
            if ended.done() or asyncio.get_running_loop().time() > end:
                raise Failed(
                    f"{name} không khởi động được · did not start at {url}.",
                    "what it said stands above; --port names another port",
                )
            await asyncio.sleep(_PAUSE_S)
        if misbehaviours:
            async with session.post(f"{url}/misbehave", json=misbehaviours) as answer:
                if answer.status >= 400:
                    raise Failed(f"{name} cannot do that: {(await answer.text())[:500]}", "it prints what it can do")
    await asyncio.sleep(_PAUSE_S)


async def _answers(session: Any, url: str) -> bool:
    """Anything, whatever it is."""
    import aiohttp

    with suppress(aiohttp.ClientError):
        async with session.get(f"{url}/"):
            return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _show_all(as_json: bool) -> None:
    if as_json:
        print_json([{"name": name, "title_vi": vi, "title": en} for name, (vi, en) in COUNTERPARTS.items()])
        return
    rows = [(name, vi, en) for name, (vi, en) in COUNTERPARTS.items()]
    print_table("Hệ thống giả lập · Simulated systems", ("NAME", "tiếng Việt", "English"), rows)
    say(f"{program()} simulate NAME")


def _tell(name: str, url: str, said: Sequence[str], misbehaviours: Mapping[str, Any], as_json: bool) -> None:
    """Where it is, and what it says itself about connecting it."""
    if as_json:
        connect = [line[line.index("lgsp agency") :] for line in said if "lgsp agency" in line]
        print_json({"name": name, "url": url, "connect": connect, "said": said, "misbehaves": misbehaviours}, indent=False)
        return
    vi, en = COUNTERPARTS[name]
    say(f"{url}  {vi} · {en}", "green")
    say("Để kết nối với trục · To connect it to a hub:")
    for line in said:
        say(f"  {line}")
    if misbehaviours:
        say(f"Đang cố ý làm sai · Misbehaves: {json.dumps(misbehaviours, ensure_ascii=False)}", "yellow")
    say("Ctrl-C: dừng · stops it.", "cyan")
