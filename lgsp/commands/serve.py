"""`lgsp run`, `gateway`, `worker`: processes that serve until they are told to stop."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from lgsp.commands.common import Failed, say, with_settings
from lgsp.errors import CannotListen

if TYPE_CHECKING:
    from lgsp.assembly import Hub
    from lgsp.settings import Settings

Role = Literal["gateway", "worker"]

port_option = click.option("--port", type=click.IntRange(0, 65535), help="TCP port of the API; default: listen_port.")


@click.command("run", short_help="Chạy toàn bộ trục · The whole hub in one process.")
@port_option
@click.option("--sandbox", is_flag=True, help="Register the invented agencies of the demo, for --as CODE of the other commands.")
@click.option("--demo", "with_demo", is_flag=True, help="Play the demo's working day first, then go on serving.")
@click.option("--cases", type=click.IntRange(1), default=2700, show_default=True, help="With --demo: case files of the day.")
@click.option("--duration", "duration_s", type=float, default=60.0, show_default=True, help="With --demo: seconds that it takes.")
@with_settings
def run_hub(settings: "Settings", port: int | None, sandbox: bool, with_demo: bool, cases: int, duration_s: float) -> None:
    """Chạy toàn bộ trục · Run the whole hub in one process, until Ctrl-C or SIGTERM."""
    settings = at_port(settings, port)
    if with_demo:
        from lgsp.commands.demo import play

        play(settings, cases=cases, duration_s=duration_s, seed=None, keep_running=True, as_json=False)
        return
    if sandbox:
        from lgsp.commands.demo import enrol

        say(f"Thử với · Try: --as CODE, credentials in {enrol(settings, pushes=False)}", "cyan")
    serve(settings, ("gateway", "worker"))


@click.command(short_help="Nhận thông điệp · Production: take envelopes in.")
@port_option
@with_settings
def gateway(settings: "Settings", port: int | None) -> None:
    """Nhận thông điệp · Take envelopes in over HTTP; needs PostgreSQL and RabbitMQ. SIGTERM drains within shutdown_grace_s."""
    serve(at_port(settings, port), ("gateway",))


@click.command(short_help="Giao thông điệp · Production: deliver.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Port of /metrics and /readyz; default: metrics_port.")
@with_settings
def worker(settings: "Settings", metrics_port: int | None) -> None:
    """Giao thông điệp · Deliver; needs PostgreSQL and RabbitMQ. SIGTERM lets attempts under way end, within shutdown_grace_s."""
    serve(settings if metrics_port is None else replace(settings, metrics_port=metrics_port), ("worker",))


class WrongJournal(Failed):
    """The journal is not the one whose heads were signed; starting again changes nothing."""

    exit_code = 3


_REWOUND = (
    "deploy/RUNBOOK.md, chapter 5, “The log after a restore”, says which backup is the right one; nothing was accepted meanwhile"
)


def at_port(settings: "Settings", port: int | None) -> "Settings":
    return settings if port is None else replace(settings, listen_port=port)


def serve(
    settings: "Settings",
    roles: tuple[Role, ...],
    *,
    on_ready: "Callable[[Hub], Coroutine[Any, Any, None]] | None" = None,
    log_to: TextIO | None = None,
) -> None:
    """One process until it is told to stop; returns when all is drained. Raises Failed when the address is taken."""
    import uvloop

    from lgsp import __version__, log, serving
    from lgsp.flow.log_keeper import LogRewound

    log.configure(settings.log_format, settings.log_level, stream=log_to)
    journal = "postgresql" if settings.sqlite_path is None else "sqlite"
    logger = log.get_logger()
    logger.info("settings.loaded", journal=journal, roles=sorted(roles), version=__version__)
    try:
        uvloop.run(serving.serve(settings, roles, on_ready=on_ready))
    except LogRewound as error:
        raise WrongJournal(f"{error.vi}\n{error.en}", _REWOUND, code="log.rewound") from None
    except CannotListen as error:
        raise Failed(f"Cannot listen: {error}.", "another hub may be running; choose another --port or listen_host") from None
