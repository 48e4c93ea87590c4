"""The demo's side of a hub: who takes part, with which secrets, and where the simulated systems listen."""

import secrets
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from contracts.adapter import Endpoint
from lgsp.core.directory import Agency
from lgsp.core.signers import Signer
from lgsp.demo.enrolment import directory_entry
from lgsp.demo.letters import DEPARTMENT, soap_commune
from lgsp.demo.province import DemoAgency, Province, load_province

_PUSH_EVERY = 2  # of the communes, every second one runs a server; the others pull
_TIMEOUT_S = 10.0
_IN_FLIGHT = 32  # the case-status database hears of everything: more than a hundred deliveries a second


Speech = Literal["rest", "soap", "bus"]


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one agency's system needs to take part. `push_secret` ("whsec_" + base64) is empty for those that are not pushed to.

    `speaks`: the hub's own interface; SOAP; or, for what it sends and fetches, the protocol of the national document bus.
    """

    client_id: str
    client_secret: str
    push_secret: str = ""
    speaks: Speech = "rest"

    def __repr__(self) -> str:
        return f"Member({self.client_id!r})"


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the demo must know to play against a hub; `members` by agency code. Holds secrets: keep it to yourself.

    `takeover_token`: with it one demo asks another one to leave the port to it.
    """

    hub_url: str
    listen_port: int
    takeover_token: str
    pki: str  # folder of the demo PKI with the agencies' seals
    members: dict[str, Member]

    def __repr__(self) -> str:
        return f"Sandbox({self.hub_url!r}, {self.listen_port}, {len(self.members)} members)"

    @property
    def push_base_url(self) -> str:
        return f"http://127.0.0.1:{self.listen_port}"


def pki_folder(data_dir: Path) -> Path:
    return data_dir / "pki"


def make_sandbox(hub_url: str, listen_port: int, data_dir: Path, earlier: Sandbox | None = None) -> Sandbox:
    """Secrets of an earlier sandbox are kept, so that what was handed out stays valid."""
    known = {} if earlier is None else earlier.members
    members = {
        agency.code: _as_it_is_now(known.get(agency.code) or new, new)
        for agency, pushes in _members(load_province())
        for new in (_member(agency, pushes),)
    }
    token = secrets.token_urlsafe(32) if earlier is None else earlier.takeover_token
    pki = str(pki_folder(data_dir).absolute())
    return Sandbox(hub_url=hub_url, listen_port=listen_port, takeover_token=token, pki=pki, members=members)


def demo_agencies(sandbox: Sandbox, signers: Mapping[str, tuple[Signer, ...]]) -> list[Agency]:
    """The directory of the demo: every agency of the province of today and of before, but not the hub itself."""
    return [
        directory_entry(agency, _endpoint(agency.code, sandbox), signers.get(agency.code, ()))
        for agency in load_province().agencies
        if agency.level != "hub"
    ]


def members_by_name() -> dict[str, str]:
    """Names of those who take part, by code."""
    return {agency.code: agency.names[0] for agency, _ in _members(load_province())}


def _members(province: Province) -> Iterator[tuple[DemoAgency, bool]]:
    """Who takes part, and whether it has a server."""
    for agency in province.agencies:
        if agency.closed is None and agency.level in ("department", "post"):
            yield agency, agency.code != DEPARTMENT
    for place, commune in enumerate(province.communes):
        yield commune, place % _PUSH_EVERY == 0


def _as_it_is_now(kept: Member, new: Member) -> Member:
    """The secrets are those of then, the way of speaking is today's."""
    secret = (kept.push_secret or new.push_secret) if new.push_secret else ""
    return msgspec.structs.replace(kept, push_secret=secret, speaks=new.speaks)


def _speaks(code: str) -> Speech:
    if code == DEPARTMENT:
        return "bus"
    return "soap" if code == soap_commune(load_province()) else "rest"


def _member(agency: DemoAgency, pushes: bool) -> Member:
    return Member(
        speaks=_speaks(agency.code),
        client_id=f"demo-{agency.code}",
        client_secret=secrets.token_urlsafe(32),
        push_secret=f"whsec_{b64encode(secrets.token_bytes(32)).decode()}" if pushes else "",
    )


def _endpoint(code: str, sandbox: Sandbox) -> Endpoint | None:
    member = sandbox.members.get(code)
    if member is None or not member.push_secret:
        return None
    return Endpoint(
        adapter="webhook",
        url=f"{sandbox.push_base_url}/push/{code}",
        secret=member.push_secret,
        timeout_s=_TIMEOUT_S,
        max_in_flight=_IN_FLIGHT,
    )


def visitors_mailbox(sandbox: Sandbox) -> str:
    """The commune whose mailbox nobody empties once the day is over: the first one without a server."""
    communes = (commune.code for commune in load_province().communes)
    return next(code for code in communes if not sandbox.members[code].push_secret)


def pulling(sandbox: Sandbox) -> Iterable[str]:
    """Codes of the members with a mailbox that they empty."""
    return (code for code, member in sandbox.members.items() if not member.push_secret and member.speaks != "bus")
