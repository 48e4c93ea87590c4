"""What is measured: the relay and the hub in its set-ups, each started as in service, all delivering to the same sink."""

import asyncio
import json
import secrets
from base64 import b64encode
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from contracts.adapter import Endpoint
from lgsp.bootstrap.stores import open_store
from lgsp.core.directory import Agency, Grant
from lgsp.http.client_secret import hash_secret
from lgsp.ports import Credential
from lgsp.settings import Settings
from tests.bench.client import ask, ask_well
from tests.bench.envelopes import RECIPIENTS, SENDER
from tests.bench.processes import Child, wait_for
from tests.servers import PostgresServer, RabbitServer
from tests.servers.ports import free_port

_SECRET = "bench-" + secrets.token_hex(16)
_WEBHOOK_SECRET = "whsec_" + b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that takes envelopes in at `port` and delivers them to the sink. `parts`: whose CPU time counts as what."""

    setup: str
    port: int
    token: str = ""
    recipient_token: str = ""  # of the first recipient
    parts: Mapping[str, tuple[int, ...]]
    children: tuple[Child, ...] = ()

    def check(self) -> None:
        """Raises BenchFailed when one of its processes ended."""
        for child in self.children:
            child.check()


@dataclass(frozen=True, kw_only=True)
class World:
    """The servers, the sink and a folder that all targets share."""

    folder: Path
    rabbit: RabbitServer
    postgres: PostgresServer
    sink_port: int
    stack: ExitStack = field(repr=False)

    @property
    def sink_url(self) -> str:
        return f"http://127.0.0.1:{self.sink_port}/deliveries"

    def child(self, arguments: list[str], name: str, *, talks: bool, environ: Mapping[str, str] | None = None) -> Child:
        """Ends with the world."""
        return self.stack.enter_context(Child(arguments, self.folder, name, talks=talks, environ=environ))


def start_relay(world: World, setup: str) -> Target:
    """`setup`: "1 process" or "2 processes"."""
    queue = f"relay-{secrets.token_hex(4)}"
    roles = ["in", "out"] if setup == "2 processes" else ["in+out"]
    children = [
        world.stack.enter_context(
            Child(
                ["-m", "tests.bench.relay", world.rabbit.url, queue, world.sink_url, role],
                world.folder,
                f"relay-{role}",
                talks=True,
            )
        )
        for role in roles
    ]
    ports = [int(child.hear()) for child in children]
    pids = tuple(child.pid for child in children)
    return Target(setup=setup, port=ports[0], parts={"app": pids, "broker": (world.rabbit.pid,)}, children=tuple(children))


def start_hub(world: World, setup: str, *, timeout_s: float = 30.0, program: str = "lgsp.cli") -> Target:
    """`setup`: "embedded", "production", or "production, 2 processes" (gateway and worker). `timeout_s`: of each recipient;
    `program`: the module with the command line."""
    name = f"{setup.replace(', ', '-').replace(' ', '-')}-{secrets.token_hex(2)}"
    environ = {
        "LGSP_DATA_DIR": str(world.folder / name),
        "LGSP_LISTEN_PORT": str(free_port()),
        "LGSP_LOG_FORMAT": "json",
    }
    if setup != "embedded":
        environ |= {
            "LGSP_JOURNAL_URL": world.postgres.create_database(f"bench_{secrets.token_hex(4)}"),
            "LGSP_AMQP_URL": world.rabbit.url,
            "LGSP_BROKER_PREFIX": f"bench-{secrets.token_hex(4)}",
        }
    settings = Settings.load(None, environ)
    asyncio.run(_enrol(settings, world.sink_url, timeout_s))
    commands = ["gateway", "worker"] if setup.endswith("2 processes") else ["run"]
    children = [world.child(["-m", program, command], f"{name}-{command}", talks=False, environ=environ) for command in commands]
    wait_for(lambda: is_ready(settings, children), f"readiness of {setup}")
    parts = {"app": tuple(child.pid for child in children)}
    if setup != "embedded":
        parts |= {"broker": (world.rabbit.pid,), "postgres": (world.postgres.pid,)}
    return Target(
        setup=setup,
        port=settings.listen_port,
        token=token(settings, SENDER),
        recipient_token=token(settings, RECIPIENTS[0]),
        parts=parts,
        children=tuple(children),
    )


async def _enrol(settings: Settings, sink_url: str, timeout_s: float) -> None:
    """A commune that sends, departments that want their deliveries pushed, signed as usual."""
    sender = Agency(code=SENDER, name_vi="Xã Vĩnh Thạnh Trung", level="commune", grants=(Grant(kinds=("case.*",)),))
    recipients = [
        Agency(
            code=code,
            name_vi=f"Sở {code}",
            level="department",
            endpoint=Endpoint(adapter="webhook", url=f"{sink_url}/{code}", secret=_WEBHOOK_SECRET, timeout_s=timeout_s),
        )
        for code in RECIPIENTS
    ]
    async with open_store(settings) as store:
        await store.save_agencies([sender, *recipients])
        await store.save_credentials(
            [Credential(client_id=code, agency=code, secret_hash=hash_secret(_SECRET)) for code in (SENDER, RECIPIENTS[0])]
        )


def is_ready(settings: Settings, children: list[Child]) -> bool:
    for child in children:
        child.check()
    try:
        return ask(settings.listen_port, "GET", "/readyz").status == 200
    except OSError:
        return False


def token(settings: Settings, client_id: str, secret: str = _SECRET) -> str:
    form = urlencode({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}).encode()
    media_type = {"Content-Type": "application/x-www-form-urlencoded"}
    return str(json.loads(ask_well(settings.listen_port, "POST", "/oauth/token", form, media_type).body)["access_token"])
