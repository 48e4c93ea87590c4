"""`lgsp demo`: a hub, the invented agencies of a province, and their working day, checked at the end."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from lgsp.commands.agency import in_store
from lgsp.commands.client import sandbox_file
from lgsp.commands.common import Failed, json_option, program, say, with_settings
from lgsp.commands.serve import at_port, port_option, serve

if TYPE_CHECKING:
    from lgsp.assembly import Hub
    from lgsp.ports import Store
    from lgsp.settings import Settings

_END_S = 10.0


@click.command(short_help="Chạy thử một ngày · A province's working day, checked.")
@json_option
@port_option
@click.option("--cases", type=click.IntRange(1), default=2700, show_default=True, help="Case files of the day.")
@click.option("--duration", "duration_s", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds it takes.")
@click.option("--seed", type=int, help="The same people, parcels and numbers as another run; default: new ones.")
@click.option("--keep-running", is_flag=True, help="Leave the hub and the agencies' systems running afterwards, until Ctrl-C.")
@with_settings
def demo(
    settings: "Settings", port: int | None, cases: int, duration_s: float, seed: int | None, keep_running: bool, as_json: bool
) -> None:
    """Chạy thử một ngày · Play a working day of a province against a hub of its own and check that nothing was lost.

    Exit status 1 when a check does not come out.
    """
    play(at_port(settings, port), cases=cases, duration_s=duration_s, seed=seed, keep_running=keep_running, as_json=as_json)


def play(settings: "Settings", *, cases: int, duration_s: float, seed: int | None, keep_running: bool, as_json: bool) -> None:
    """The hub in this process, the agencies' systems in another one. Raises Failed when the day does not come out well."""
    path = enrol(settings, pushes=True)
    command = [sys.executable, "-m", "lgsp.demo", "--sandbox", str(path), "--cases", str(cases), "--seconds", str(duration_s)]
    command += [] if seed is None else ["--seed", str(seed)]
    command += ["--json"] if as_json else []
    command += ["--stay"] if keep_running else []
    command += ["--program", program()]
    day = _Day(command, keep_running)
    log_path = settings.data_dir / "hub.log"
    if not as_json:
        say(f"Trục · Hub {settings.base_url}, nhật ký · log {log_path}", "cyan")
    log_path.touch(mode=0o640)
    log_path.chmod(log_path.stat().st_mode & 0o640)  # one of an earlier run may be open to everybody
    with log_path.open("a", encoding="utf-8") as log_to:  # the screen belongs to the demo
        serve(settings, ("gateway", "worker"), on_ready=day.live, log_to=log_to)
    if not as_json:
        say("Trục đã dừng · The hub has stopped.", "cyan")
    if day.status not in (0, None):
        if as_json:  # the result that was printed says it all
            raise click.exceptions.Exit(1)
        raise Failed("Một ngày chạy thử không đạt · The day did not come out well.", f"see what is said above, and {log_path}")


class _Day:
    """The other process. `status` is its exit status; None when the hub was stopped before."""

    def __init__(self, command: list[str], keep_running: bool) -> None:
        self._command = command
        self._keep_running = keep_running
        self.status: int | None = None

    async def live(self, hub: "Hub") -> None:
        """Runs beside the hub; ends the hub with the day unless that is to go on; is cancelled when the hub has stopped."""
        process = await asyncio.create_subprocess_exec(*self._command, stdin=asyncio.subprocess.PIPE)
        try:
            self.status = await process.wait()
        finally:
            if process.returncode is None:
                self.status = await _ended(process, self._keep_running)
            if self.status is not None and self.status < 0 and hub.stop.is_set():
                self.status = None  # one signal for both: the day said nothing more
            if not self._keep_running or self.status != 0:
                hub.stop.set()


async def _ended(process: asyncio.subprocess.Process, by_closing: bool) -> int | None:
    """With --stay it ends when its standard input does."""
    if process.stdin is not None:
        process.stdin.close()
    if not by_closing:
        process.terminate()
    try:
        return await asyncio.wait_for(process.wait(), _END_S) if by_closing else None
    except TimeoutError:
        process.kill()
        return None


def enrol(settings: "Settings", *, pushes: bool) -> Path:
    """Registers the invented agencies; the path of the file with their credentials, readable by this user only.

    `pushes` False: all of them receive in their mailboxes, for without the demo nobody answers at their addresses. Raises Failed
    when the directory holds agencies of its own: a demo has no business there.
    """
    from lgsp.commands.demo_seed import seed_demo
    from lgsp.demo.province import load_province

    if settings.listen_port == 0:
        raise Failed("The agencies of the demo need to know the port before.", "give --port")

    async def work(store: "Store") -> None:
        invented = {one.code for one in load_province().agencies}
        real = sorted((await store.directory()).agencies.keys() - invented)
        if real:
            raise Failed(
                f"The directory below {settings.data_dir} holds real agencies: {', '.join(real[:3])} ...",
                "play with another one: LGSP_DATA_DIR=/tmp/lgsp-demo lgsp run --demo",
            )
        await seed_demo(store, settings)
        if not pushes:
            agencies = (await store.directory()).agencies.values()
            await store.save_agencies([msgspec.structs.replace(one, endpoint=None) for one in agencies if one.endpoint])

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    in_store(settings, work)
    return sandbox_file(settings.data_dir)
