"""Talking to a hub as one agency: where it is, who we are, and its answers as values or as refusals that say how to mend them."""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
import msgspec

from lgsp.commands.common import Failed, Invocation, Refused

if TYPE_CHECKING:
    import aiohttp

R = TypeVar("R")

DEFAULT_URL = "http://127.0.0.1:8080"
_TIMEOUT_S = 90.0  # longer than the longest long poll a proxy would bear
_PATIENCE_S = 60.0  # in all, where the hub says that one should come again
_LATER = (429, 503)
_HOW_TO_IDENTIFY = (
    "give --client-id and --client-secret (or LGSP_CLIENT_ID, LGSP_CLIENT_SECRET), --cert and --key, or --as CODE on a sandbox"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One agency at one hub. `agency` is its code where we know it; without `client_id` its certificate says who it is."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    agency: str | None
    tls: ssl.SSLContext | None = None
    seal: Path | None = None  # files of the agency's seal in a sandbox, without their ending


def client_options(command: Callable[..., R]) -> Callable[..., R]:
    """Options that say which hub and which agency; the command's first argument becomes the Profile."""

    @functools.wraps(command)
    def identified(identity: Identity, /, *args: Any, **options: Any) -> R:
        return command(identity.profile(), *args, **options)

    return identity_options(identified)


def identity_options(command: Callable[..., R]) -> Callable[..., R]:
    """The same options, for a command that may do without them; its first argument becomes the Identity."""

    @click.option("--url", envvar="LGSP_URL", help=f"Address of the hub; default: the sandbox's, else {DEFAULT_URL}.")
    @click.option("--client-id", envvar="LGSP_CLIENT_ID", help="Client id of the agency.")
    @click.option("--client-secret", envvar="LGSP_CLIENT_SECRET", help="Its secret; better in the environment than here.")
    @click.option("--sender", envvar="LGSP_SENDER", help="Code of the agency that the client id belongs to.")
    @click.option("--as", "as_agency", metavar="CODE", help="Be this agency of the sandbox (data_dir/sandbox.json).")
    @click.option(
        "--ca-file", envvar="LGSP_CA_FILE", type=click.Path(dir_okay=False, path_type=Path), help="CA of the hub (PEM)."
    )
    @click.option(
        "--cert",
        envvar="LGSP_CERT",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Client certificate (PEM), instead of or beside a client id.",
    )
    @click.option(
        "--key", envvar="LGSP_KEY", type=click.Path(dir_okay=False, path_type=Path), help="Its key (PEM), unless it is in --cert."
    )
    @click.pass_obj
    @functools.wraps(command)
    def identified(invocation: Invocation, /, *args: Any, **options: Any) -> R:
        who = _Options(**{name: options.pop(name) for name in _Options._fields})
        return command(Identity(invocation, who), *args, **options)

    return identified


class _Options(NamedTuple):
    url: str | None
    client_id: str | None
    client_secret: str | None
    sender: str | None
    as_agency: str | None
    ca_file: Path | None
    cert: Path | None
    key: Path | None


class Identity(NamedTuple):
    """Who one said to be."""

    invocation: Invocation
    given: _Options

    def profile(self) -> Profile:
        """Raises UsageError when nobody was named, Failed."""
        return _profile(self.invocation, self.given)


def _profile(invocation: Invocation, given: _Options) -> Profile:
    if given.as_agency is not None:
        return _from_sandbox(invocation, given.as_agency, given.url, _tls(given))
    if given.cert is None and not (given.client_id and given.client_secret):
        raise click.UsageError(f"The hub must know who asks: {_HOW_TO_IDENTIFY}.")
    return Profile(
        url=(given.url or DEFAULT_URL).rstrip("/"),
        client_id=given.client_id or "",
        client_secret=given.client_secret or "",
        agency=given.sender,
        tls=_tls(given),
    )


def sandbox_file(data_dir: Path) -> Path:
    """Written by `lgsp run` and `lgsp demo`: credentials of the invented agencies, for this user only."""
    return data_dir / "sandbox.json"


def _from_sandbox(invocation: Invocation, code: str, url: str | None, tls: ssl.SSLContext | None) -> Profile:
    path = sandbox_file(invocation.settings().data_dir)
    try:
        sandbox = msgspec.json.decode(path.read_bytes())
        members = sandbox["members"]
    except OSError:
        raise Failed(
            f"Không có trục dùng thử · There is no sandbox at {path}.",
            "start one with `lgsp run --demo`; one that was started with LGSP_DATA_DIR or --settings wants them here too",
        ) from None
    except (msgspec.DecodeError, KeyError, TypeError):
        raise Failed(f"{path} cannot be read.", "remove it; `lgsp run --demo` makes it anew") from None
    if code not in members:
        raise Failed(
            f"The sandbox has no credentials for {code}.",
            f"it has {', '.join(list(members)[:8])} and {len(members)} in all; for any other agency give --client-id and"
            " --client-secret, which `lgsp agency credential` makes",
        )
    return Profile(
        url=(url or sandbox.get("hub_url") or DEFAULT_URL).rstrip("/"),
        client_id=members[code]["client_id"],
        client_secret=members[code]["client_secret"],
        agency=code,
        tls=tls,
        seal=Path(folder) / "agencies" / code / "seal" if (folder := sandbox.get("pki")) else None,
    )


def _tls(given: _Options) -> ssl.SSLContext | None:
    """None: as the system trusts, and without a certificate of our own."""
    if given.ca_file is None and given.cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=given.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise Failed(f"{given.ca_file}: {error}", "name a PEM file with the certificate of the hub's CA") from None
    if given.cert is not None:
        try:
            context.load_cert_chain(given.cert, given.key)
        except OSError as error:
            raise Failed(
                f"{given.cert}: {error}", "certificate and key must be PEM, belong together and be readable; --key names the key"
            ) from None
    return context


class Answer(NamedTuple):
    """`headers`: whatever the case of their names."""

    headers: Mapping[str, str]
    octets: bytes


class ComeAgain(Refused):
    """Not now: after `retry_after_s` seconds the same octets may be taken."""

    def __init__(self, problem: Mapping[str, Any], retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(problem)


class HubClient:
    """Requests as the profile's agency; JSON in, JSON out. Raises Refused, or Failed when the hub cannot be reached.

    Told to come again (429, 503) it waits for as long as it was told and asks with the same octets, for a minute in all.
    """

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
        """The answer's body."""
        return (await self.exchange(method, path, {}, **request)).octets

    async def exchange(self, method: str, path: str, headers: Mapping[str, str], **request: Any) -> Answer:
        left_s = _PATIENCE_S
        while True:
            try:
                return await self._signed_in(method, path, headers, request)
            except ComeAgain as later:
                if later.retry_after_s > left_s:
                    raise
                left_s -= later.retry_after_s
                click.echo(f"{later.code}: chờ {later.retry_after_s} giây · waiting {later.retry_after_s} s", err=True)
                await asyncio.sleep(later.retry_after_s)

    async def _signed_in(self, method: str, path: str, headers: Mapping[str, str], request: dict[str, Any]) -> Answer:
        """A token that has expired meanwhile is fetched anew, once."""
        fetched_now = not self._token
        if fetched_now:
            await self._fetch_token()
        try:
            return await self._once(method, path, headers, request)
        except Refused as refused:
            if refused.problem.get("code") != "auth.invalid" or fetched_now:
                raise
        await self._fetch_token()
        return await self._once(method, path, headers, request)

    async def _once(self, method: str, path: str, more: Mapping[str, str], request: dict[str, Any]) -> Answer:
        headers = {"Content-Type": "application/json", **more}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        async with self._reached(), self._session.request(method, self.profile.url + path, headers=headers, **request) as answer:
            octets = await answer.read()
        if answer.status >= 400:
            raise _refusal(answer.status, octets, answer.headers.get("Retry-After", ""))
        return Answer(answer.headers, octets)

    async def _fetch_token(self) -> None:
        if not self.profile.client_id:
            return
        form = {
            "grant_type": "client_credentials",
            "client_id": self.profile.client_id,
            "client_secret": self.profile.client_secret,
        }
        async with self._reached(), self._session.post(f"{self.profile.url}/oauth/token", data=form) as answer:
            octets = await answer.read()
        if answer.status == 401:
            raise Failed(
                "The hub does not know this client id, or its secret is another one.", _HOW_TO_IDENTIFY, code="auth.invalid"
            )
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
                f"{self.profile.url} does not answer: {reason}",
                "is the hub running, is --url right? Try `lgsp doctor`",
                code="hub.unreachable",
            ) from None


@asynccontextmanager
async def open_client(profile: Profile) -> AsyncIterator[HubClient]:
    """A client whose connections are closed in the end."""
    import aiohttp

    connector = aiohttp.TCPConnector(ssl=profile.tls if profile.tls is not None else True)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S, sock_connect=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=True) as session:
        yield HubClient(profile, session)


def _refusal(status: int, octets: bytes, retry_after: str = "") -> Failed:
    try:
        problem = msgspec.json.decode(octets)
    except msgspec.DecodeError:
        problem = None
    if isinstance(problem, dict) and {"code", "field", "title_vi", "title", "detail", "remedy_vi", "remedy"} <= problem.keys():
        later = status in _LATER and retry_after.isdecimal()
        return ComeAgain(problem, int(retry_after)) if later else Refused(problem)
    if isinstance(problem, dict) and "error_description" in problem:  # RFC 6749, section 5.2
        return Failed(f"{problem.get('error_description_vi', '')} · {problem['error_description']}", "try again later")
    return Failed(f"Status {status} and no explanation.", "is there another server, or a proxy, at this address?")
