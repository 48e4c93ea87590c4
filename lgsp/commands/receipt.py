"""`lgsp receipt`: the receipt of an envelope, fetched, verified, kept; and a kept one verified again, without any hub."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import click
import msgspec

from lgsp.commands.client import Answer, Identity, Profile, identity_options, open_client
from lgsp.commands.common import Failed, json_option, print_json, run, say
from lgsp.commands.labels import clock
from lgsp.commands.log_key import LogKeys, together

if TYPE_CHECKING:
    from lgsp.core.log.checkpoint import SignedCheckpoint
    from lgsp.core.log.note import NoteVerifier

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Stated(NamedTuple):
    """A receipt, or a kept refusal. `signed`: the form that the hub signed; `kid`: the key, once verified; `proved`: the head of
    the log that shows it."""

    said: dict[str, Any]
    signed: bytes = b""
    kid: str = ""
    proved: "SignedCheckpoint | None" = None


@click.command(short_help="Biên nhận · Fetch, verify and keep a receipt.")
@json_option
@click.argument("envelope", metavar="SENDER/MESSAGE_ID", required=False)
@click.option("--verify", is_flag=True, help="Fetch the signed form (JWS) and check its signature.")
@click.option("--keys", "keys_file", type=_FILE, help="The hub's JWK set as it was kept earlier; default: what the hub says now.")
@click.option("--xml", "as_xml", is_flag=True, help="Fetch the form signed in XML (XAdES), if the hub has a certificate.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="With --verify or --xml: keep the signed form there."
)
@click.option("--from", "kept", type=_FILE, help="Verify a kept receipt or refusal, with --keys or --log-key; asks no hub.")
@click.option(
    "--log-key",
    "log_keys",
    type=LogKeys(),
    multiple=True,
    help="Key of the hub's log (vkey), or a file of them, as `GET /log/vkey` had it.",
)
@identity_options
def receipt(
    identity: Identity,
    envelope: str | None,
    verify: bool,
    as_xml: bool,
    keys_file: Path | None,
    out: Path | None,
    kept: Path | None,
    log_keys: "tuple[tuple[NoteVerifier, ...], ...]",
    as_json: bool,
) -> None:
    """Biên nhận · Show the receipt of an envelope. Only its sender may ask.

    \b
      lgsp receipt H01.101/m-1 --as H01.101
      lgsp receipt H01.101/m-1 --verify --keys jwks.json --out m-1.jws
      lgsp receipt --from m-1.jws --keys jwks.json --log-key log.vkey
      lgsp receipt --from m-1.json --log-key log.vkey
      lgsp receipt H01.101/m-1 --xml --out m-1.xml
      lgsp signature check m-1.xml --anchor ca.pem

    What is kept can be shown to anybody: it is verified by nothing but the hub's public keys. A refusal is kept as it came, as a
    problem or a line of a batch; its member `signed` counts. With --log-key also its place in the hub's evidence log is verified.
    That proves by itself, without a signature on the receipt, whose envelope with which digest was taken over (or refused) when;
    to whom, says the signature, which --keys verifies (JWS).
    """
    keys = None if keys_file is None else keys_file.read_bytes()
    if kept is not None:
        if envelope is not None or verify or as_xml or out is not None or (keys is None and not log_keys):
            raise click.UsageError("--from wants --keys or --log-key, and nothing else.")
        found = _of_kept(kept.read_bytes().strip(), keys)
    else:
        sender, slash, message_id = (envelope or "").partition("/")
        wrong = (keys is not None and not verify) or (out is not None and not (verify or as_xml)) or (verify and as_xml)
        if not (sender and slash and message_id) or wrong:
            raise click.UsageError("Give SENDER/MESSAGE_ID, or --from; --keys goes with --verify, --out with --verify or --xml.")
        found = run(_ask(identity.profile(), sender, message_id, "xml" if as_xml else "jws" if verify else "", keys))
    if log_keys:
        found = _proved(found, together(log_keys))
    if out is not None:
        out.write_bytes(found.signed + b"\n")
    if as_json:
        print_json({**found.said, **_findings(found)})
    else:
        _show(found)


def _of_kept(octets: bytes, keys: bytes | None) -> _Stated:
    """In whichever form it was kept. Plain JSON and XML are proved by the log alone: `keys` are no use for them."""
    said: Any = None
    if octets.startswith(b"{"):
        said = _json(octets)
        if isinstance(signed := said.get("signed"), str):  # a problem, or a line of a batch, about a refusal
            octets, said = signed.encode(), None
    if said is None and not octets.startswith(b"<"):
        return _unverified(octets) if keys is None else _verified(octets, keys, "")
    if keys is not None:
        raise _not_verified("it is kept without a signature that --keys verifies, which only the form JWS has")
    if said is None:
        return _of_xml(octets)
    receipt = said.get("receipt")  # in a line of a batch
    return _Stated(receipt if isinstance(receipt, dict) else said)


def _json(octets: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(octets, type=dict[str, Any])
    except ValueError as error:
        raise _unreadable(str(error)) from None


def _unreadable(why: str) -> Failed:
    return Failed(
        f"The file cannot be read: {why}.",
        "it has to be a receipt or refusal as the hub gave it: JSON, XML or JWS, not edited",
        code="receipt.unreadable",
    )


def _findings(found: _Stated) -> dict[str, Any]:
    signature = {"signature": {"kid": found.kid, "jws": found.signed.decode()}} if found.kid else {}
    if found.proved is None:
        return signature
    head = found.proved.checkpoint
    return {**signature, "proved": {"origin": head.origin, "size": head.size}}


async def _ask(profile: Profile, sender: str, message_id: str, form: str, keys: bytes | None) -> _Stated:
    from lgsp.http.signed import KEYS_PATH

    path = f"/v1/envelopes/{quote(sender, safe='')}/{quote(message_id, safe='')}/receipt"
    async with open_client(profile) as hub:
        if form == "xml":
            return _in_xml(await hub.exchange("GET", path, {"Accept": "application/xml"}))
        if not form:
            return _Stated(msgspec.json.decode((await hub.exchange("GET", path, {"Accept": "application/json"})).octets))
        token = (await hub.exchange("GET", path, {"Accept": "application/jose"})).octets
        return _verified(token, keys or await hub.octets("GET", KEYS_PATH), message_id)


def _in_xml(answer: Answer) -> _Stated:
    if not answer.headers.get("Content-Type", "").startswith("application/xml"):
        raise Failed(
            "This hub has no certificate to sign XML with.", "--verify fetches the form signed as JWS", code="receipt.not_xml"
        )
    return _of_xml(answer.octets)


def _of_xml(octets: bytes) -> _Stated:
    """What the document says; whether the signature on it counts says `lgsp signature check`."""
    from lxml import etree

    from contracts.kinds import find
    from contracts.kinds.xml import from_xml
    from contracts.safe_xml import parse
    from signing.profiles import DSIG

    document = parse(octets)
    for signature in document.findall(f"{{{DSIG}}}Signature"):
        document.remove(signature)
    kind = find("refusal/1" if etree.QName(document).localname == "refusal" else "receipt/1")
    return _Stated(msgspec.to_builtins(from_xml(kind, etree.tostring(document))), octets)


def _verified(token: bytes, keys: bytes, message_id: str) -> _Stated:
    """`message_id`: of the envelope that was asked for; "": whichever it is about."""
    from lgsp.http.signed import RECEIPT_TYPE, REFUSAL_TYPE
    from signing.jws import NotVerified, keys_of, verify

    text = token.decode("ascii", "replace")
    try:
        known = keys_of(keys)
        try:
            found = verify(text, known, RECEIPT_TYPE)
        except NotVerified:
            if message_id:
                raise
            found = verify(text, known, REFUSAL_TYPE)
    except ValueError as error:
        raise _not_verified(str(error)) from None
    said: dict[str, Any] = msgspec.json.decode(found.payload)
    if message_id and said["message_id"] != message_id:
        raise _not_verified("it is about another envelope")
    return _Stated(said, token, found.kid)


def _unverified(token: bytes) -> _Stated:
    """What it says, before the log has shown whether that is so."""
    from base64 import urlsafe_b64decode

    try:
        _, payload, _ = token.split(b".")
        return _Stated(_json(urlsafe_b64decode(payload + b"==")), token)
    except ValueError:
        raise _unreadable("it is no compact JWS") from None


def _proved(found: _Stated, keys: "Sequence[NoteVerifier]") -> _Stated:
    """With its place in the log verified, by nothing but the keys given."""
    from contracts.receipt import Receipt, Refusal
    from lgsp.core.log.answers import NotProved, check_receipt, check_refusal

    try:
        if "code" in found.said:
            proved = check_refusal(msgspec.convert(found.said, Refusal), keys)
        else:
            proved = check_receipt(msgspec.convert(found.said, Receipt), keys)
    except (NotProved, msgspec.ValidationError) as error:
        raise Failed(
            f"The log does not prove this: {error}.",
            "is --log-key of this hub's log, and of then? If it is, do not rely on this, and show it to who oversees the hub",
            code="receipt.not_proved",
        ) from None
    return found._replace(proved=proved)


def _not_verified(why: str) -> Failed:
    return Failed(
        f"This is not signed by the hub: {why}.",
        "do not rely on it; is --keys of this hub, and does it have the key of then? Ask the operator for the thumbprint (kid)",
        code="receipt.not_verified",
    )


def _show(found: _Stated) -> None:
    said = found.said
    if "code" in said:
        say(f"Bị từ chối · Refused by {said.get('hub', '?')}, {clock(said.get('refused_at'))}: {said['code']}", "yellow")
        say(f"  {said['title_vi']} · {said['title_en']}\n  {said.get('field', '')} {said.get('detail', '')}".rstrip())
        say(f"  message_id  {said.get('message_id') or '?'}, {said.get('sender', '?')}")
        say(f"  received    {said.get('received_digest') or '?'}")
    else:
        say(f"Đã tiếp nhận · Accepted by {said['hub']} as number {said['sequence']}, {clock(said['accepted_at'])}", "green")
        say(f"  message_id  {said['message_id']}\n  digest      {said['digest']}")
        for one in said["deliveries"]:
            say(f"  delivery    {one['delivery_id']} -> {one['recipient']}")
        if found.proved is not None and not found.kid:
            say("  Nơi nhận: chỉ chữ ký mới chứng minh · To whom: only the signature proves it (JWS, --keys)", "yellow")
    if found.kid:
        say(f"Chữ ký đúng · Signature verified: kid {found.kid}", "green")
    if found.proved is not None:
        head = found.proved.checkpoint
        vi = f"Đã ghi trong nhật ký {head.origin}, không thể rút lại"
        say(f"{vi} · On record in the log {head.origin}: among its first {head.size} entries, for good", "green")
