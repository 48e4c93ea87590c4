"""`lgsp receipt`: the receipt of an envelope, fetched, verified, kept; and a kept one verified again, without any hub."""

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import click
import msgspec

from lgsp.commands.client import Answer, Identity, Profile, identity_options, open_client
from lgsp.commands.common import Failed, json_option, print_json, run, say
from lgsp.commands.labels import clock

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Stated(NamedTuple):
    """A receipt, or a kept refusal. `signed`: the form that the hub signed; `kid`: the key, once verified."""

    said: dict[str, Any]
    signed: bytes = b""
    kid: str = ""


@click.command(short_help="Biên nhận · Fetch, verify and keep a receipt.")
@json_option
@click.argument("envelope", metavar="SENDER/MESSAGE_ID", required=False)
@click.option("--verify", is_flag=True, help="Fetch the signed form (JWS) and check its signature.")
@click.option("--keys", "keys_file", type=_FILE, help="The hub's JWK set as it was kept earlier; default: what the hub says now.")
@click.option("--xml", "as_xml", is_flag=True, help="Fetch the form signed in XML (XAdES), if the hub has a certificate.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="With --verify or --xml: keep the signed form there."
)
@click.option("--from", "kept", type=_FILE, help="Verify a receipt or refusal (JWS) that was kept, with --keys; asks no hub.")
@identity_options
def receipt(
    identity: Identity,
    envelope: str | None,
    verify: bool,
    as_xml: bool,
    keys_file: Path | None,
    out: Path | None,
    kept: Path | None,
    as_json: bool,
) -> None:
    """Biên nhận · Show the receipt of an envelope. Only its sender may ask.

    \b
      lgsp receipt H01.101/m-1 --as H01.101
      lgsp receipt H01.101/m-1 --verify --keys jwks.json --out m-1.jws
      lgsp receipt --from m-1.jws --keys jwks.json
      lgsp receipt H01.101/m-1 --xml --out m-1.xml
      lgsp signature check m-1.xml --anchor ca.pem

    What is kept can be shown to anybody: it is verified by nothing but the hub's public keys. A refusal has the same form in its
    member `signed`.
    """
    keys = None if keys_file is None else keys_file.read_bytes()
    if kept is not None:
        if envelope is not None or verify or as_xml or out is not None or keys is None:
            raise click.UsageError("--from wants --keys and nothing else.")
        found = _verified(kept.read_bytes().strip(), keys, "")
    else:
        sender, slash, message_id = (envelope or "").partition("/")
        wrong = (keys is not None and not verify) or (out is not None and not (verify or as_xml)) or (verify and as_xml)
        if not (sender and slash and message_id) or wrong:
            raise click.UsageError("Give SENDER/MESSAGE_ID, or --from; --keys goes with --verify, --out with --verify or --xml.")
        found = run(_ask(identity.profile(), sender, message_id, "xml" if as_xml else "jws" if verify else "", keys))
    if out is not None:
        out.write_bytes(found.signed + b"\n")
    if as_json:
        print_json({**found.said, **({"signature": {"kid": found.kid, "jws": found.signed.decode()}} if found.kid else {})})
    else:
        _show(found)


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
    """What the document says; whether the signature on it counts says `lgsp signature check`."""
    from lxml import etree

    from contracts.kinds import find
    from contracts.kinds.safe_xml import parse
    from contracts.kinds.xml import from_xml
    from signing.profiles import DSIG

    if not answer.headers.get("Content-Type", "").startswith("application/xml"):
        raise Failed(
            "This hub has no certificate to sign XML with.", "--verify fetches the form signed as JWS", code="receipt.not_xml"
        )
    document = parse(answer.octets)
    for signature in document.findall(f"{{{DSIG}}}Signature"):
        document.remove(signature)
    return _Stated(msgspec.to_builtins(from_xml(find("receipt/1"), etree.tostring(document))), answer.octets)


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
    if found.kid:
        say(f"Chữ ký đúng · Signature verified: kid {found.kid}", "green")
