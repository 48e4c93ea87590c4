"""Talking to a hub as one agency: where it is, who we are, and its answers as values or as refusals that say how to mend them."""

import functools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
import msgspec

from lgsp.commands.common import Failed, Invocation, explained

if TYPE_CHECKING:
    import aiohttp

R = TypeVar("R")

DEFAULT_URL = "http://127.0.0.1:8080"
_TIMEOUT_S = 90.0  # longer than the longest long poll a proxy would bear
_HOW_TO_IDENTIFY = "give --client-id and --client-secret (or LGSP_CLIENT_ID, LGSP_CLIENT_SECRET), or --as CODE on a sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One agency at one hub. `agency` is its code where we know it."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    agency: str | None
    tls: ssl.SSLContext | None = None


class Refused(Failed):
    """The hub said no, in a problem document (RFC 9457); its texts are for people, its code for programs."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.problem = problem
        super().__init__(
            explained(problem["code"], problem["field"], problem["title_vi"], problem["title"], problem["detail"]),
            f"{problem['remedy_vi']}\n→ {problem['remedy']}",
        )


def client_options(command: Callable[..., R]) -> Callable[..., R]:
    """Options that say which hub and which agency; the command's first argument becomes the Profile."""

    @click.option("--url", envvar="LGSP_URL", help=f"Address of the hub; default: the sandbox's, else {DEFAULT_URL}.")
    @click.option("--client-id", envvar="LGSP_CLIENT_ID", help="Client id of the agency.")
    @click.option("--client-secret", envvar="LGSP_CLIENT_SECRET", help="Its secret; better in the environment than here.")
    @click.option("--sender", envvar="LGSP_SENDER", help="Code of the agency that the client id belongs to.")
    @click.option("--as", "as_agency", metavar="CODE", help="Be this agency of the sandbox (data_dir/sandbox.json).")
    @click.option(
        "--ca-file", envvar="LGSP_CA_FILE", type=click.Path(dir_okay=False, path_type=Path), help="CA of the hub (PEM)."
    )
    @click.pass_obj
    @functools.wraps(command)
    def identified(invocation: Invocation, /, *args: Any, **options: Any) -> R:
        who = _Options(**{name: options.pop(name) for name in _Options._fields})
        return command(_profile(invocation, who), *args, **options)

    return identified


class _Options(NamedTuple):
    url: str | None
    client_id: str | None
    client_secret: str | None
    sender: str | None
    as_agency: str | None
    ca_file: Path | None


def _profile(invocation: Invocation, given: _Options) -> Profile:
    if given.as_agency is not None:
        return _from_sandbox(invocation, given.as_agency, given.url, given.ca_file)
    if not given.client_id or not given.client_secret:
        raise click.UsageError(f"The hub must know who asks: {_HOW_TO_IDENTIFY}.")
    return Profile(
        url=(given.url or DEFAULT_URL).rstrip("/"),
        client_id=given.client_id,
        client_secret=given.client_secret,
        agency=given.sender,
        tls=_trusting(given.ca_file),
    )


def sandbox_file(data_dir: Path) -> Path:
    """Written by `lgsp run` and `lgsp demo`: credentials of the invented agencies, for this user only."""
    return data_dir / "sandbox.json"


def _from_sandbox(invocation: Invocation, code: str, url: str | None, ca_file: Path | None) -> Profile:
    path = sandbox_file(invocation.settings().data_dir)
    try:
        sandbox = msgspec.json.decode(path.read_bytes())
        members = sandbox["members"]
    except OSError:
        raise Failed(f"There is no sandbox at {path}.", "start one with `lgsp run --demo`, or name its settings") from None
    except (msgspec.DecodeError, KeyError, TypeError):
        raise Failed(f"{path} cannot be read.", "remove it; `lgsp run --demo` makes it anew") from None
    if code not in members:
        raise Failed(
            f"The sandbox has no credentials for {code}.", f"it has {', '.join(list(members)[:8])} and {len(members)} in all"
        )
    return Profile(
        url=(url or sandbox.get("hub_url") or DEFAULT_URL).rstrip("/"),
        client_id=members[code]["client_id"],
        client_secret=members[code]["client_secret"],
        agency=code,
        tls=_trusting(ca_file),
    )


def _trusting(ca_file: Path | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Failed(f"{ca_file}: {error}", "name a PEM file with the certificate of the hub's CA") from None


class HubClient:
    """Requests as the profile's agency; JSON in, JSON out. Raises Refused, or Failed when the hub cannot be reached."""

    def __init__(self, profile: Profile, session: "aiohttp.ClientSession") -> None:
        self.profile = profile
        self._session = session
        self._token = ""

    async def get(self, path: str, **query: str | int | float) -> Any:
        return msgspec.json.decode(await self.octets("GET", path, params=query))

    async def post(self, path: str, value: object) -> Any:
        return msgspec.json.decode(await self.octets("POST", path, data=msgspec.json.encode(value)))

    async def post_octets(self, path: str, octets: bytes) -> Any:
        """An envelope in its JSON form, octet for octet."""
        return msgspec.json.decode(await self.octets("POST", path, data=octets))

    async def octets(self, method: str, path: str, **request: Any) -> bytes:
        """The answer's body. A token that has expired meanwhile is fetched anew, once."""
        fetched_now = not self._token
        if fetched_now:
            await self._fetch_token()
        try:
            return await self._once(method, path, request)
        except Refused as refused:
            if refused.problem.get("code") != "auth.invalid" or fetched_now:
                raise
        await self._fetch_token()
        return await self._once(method, path, request)

    async def _once(self, method: str, path: str, request: dict[str, Any]) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        async with self._reached(), self._session.request(method, self.profile.url + path, headers=headers, **request) as answer:
            octets = await answer.read()
        if answer.status >= 400:
            raise _refusal(answer.status, octets)
        return octets

    async def _fetch_token(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.profile.client_id,
            "client_secret": self.profile.client_secret,
        }
        async with self._reached(), self._session.post(f"{self.profile.url}/oauth/token", data=form) as answer:
            octets = await answer.read()
        if answer.status == 401:
            raise Failed("The hub does not know this client id, or its secret is another one.", _HOW_TO_IDENTIFY)
        if answer.status >= 400:
            raise _refusal(answer.status, octets)
        self._token = msgspec.json.decode(octets)["access_token"]

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[None]:
        import aiohttp

        try:
            yield
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise Failed(
                f"{self.profile.url} does not answer: {reason}", "is the hub running, is --url right? Try `lgsp doctor`"
            ) from None


@asynccontextmanager
async def open_client(profile: Profile) -> AsyncIterator[HubClient]:
    """A client whose connections are closed in the end."""
    import aiohttp

    connector = aiohttp.TCPConnector(ssl=profile.tls if profile.tls is not None else True)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S, sock_connect=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=True) as session:
        yield HubClient(profile, session)


def _refusal(status: int, octets: bytes) -> Failed:
    try:
        problem = msgspec.json.decode(octets)
    except msgspec.DecodeError:
        problem = None
    if isinstance(problem, dict) and {"code", "field", "title_vi", "title", "detail", "remedy_vi", "remedy"} <= problem.keys():
        return Refused(problem)
    if isinstance(problem, dict) and "error_description" in problem:  # RFC 6749, section 5.2
        return Failed(f"{problem.get('error_description_vi', '')} · {problem['error_description']}", "try again later")
    return Failed(f"Status {status} and no explanation.", "is there another server, or a proxy, at this address?")
