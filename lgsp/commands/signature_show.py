"""`lgsp signature show`: what the hub found out about the signatures of an envelope, and the evidence to take away."""

import sys
from collections.abc import Mapping
from getpass import getuser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from contracts.agency import AgencyCode
from lgsp.commands.agency import in_store
from lgsp.commands.certificates import plain
from lgsp.commands.client import Identity, Profile, identity_options, open_client
from lgsp.commands.common import Failed, Invocation, json_option, print_json, run, say
from lgsp.commands.labels import clock
from lgsp.commands.signature import signature

_ENDINGS = {"certificate": ".cer", "crl": ".crl", "ocsp": ".ors", "timestamp": ".tsr"}
_TIMES = {
    "signing_time": "Thời điểm ký do người ký khai · Signed at, as the signer says",
    "stamped_at": "Dấu thời gian · Time-stamp",
    "revocation_as_of": "Tình trạng thu hồi tính đến · Revocation as of",
}
_Exhibits = Mapping[str, tuple[str, bytes]]  # digest -> what, octets


@signature.command()
@json_option
@click.argument("envelope", metavar="SENDER/MESSAGE_ID")
@click.option(
    "--evidence", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write certificates, CRLs, OCSP answers there."
)
@click.option("--all", "at_hub", is_flag=True, help="From the hub's own journal: for operators and auditors.")
@identity_options
@click.pass_obj
def show(invocation: Invocation, identity: Identity, envelope: str, folder: Path | None, at_hub: bool, as_json: bool) -> None:
    """Xem kết quả kiểm tra · Show the verdicts on the signatures of an envelope, as of its acceptance.

    Its sender and its recipients may ask. With --all the journal is read here, at the hub, without a client id; who looked
    becomes a line of the log on standard error.
    """
    sender, slash, message_id = envelope.partition("/")
    if not (sender and slash and message_id):
        raise click.UsageError("Give SENDER/MESSAGE_ID as in the receipt.")
    if at_hub:
        found, exhibits = _inspect(invocation, AgencyCode(sender), message_id)
    else:
        found, exhibits = run(_ask(identity.profile(), sender, message_id, with_evidence=folder is not None))
    written = [] if folder is None else _write(folder, exhibits)
    if as_json:
        print_json(found | ({"written": written} if folder else {}))
        return
    _tell(found["examination"])
    for path in written:
        say(f"  {path}")


async def _ask(profile: Profile, sender: str, message_id: str, *, with_evidence: bool) -> tuple[dict[str, Any], _Exhibits]:
    path = f"/v1/envelopes/{quote(sender, safe='')}/{quote(message_id, safe='')}/signatures"
    async with open_client(profile) as hub:
        found: dict[str, Any] = await hub.get(path)
        exhibits = {}
        for digest in _digests(found) if with_evidence else ():
            answer = await hub.exchange("GET", f"{path}/evidence/{digest}", {})
            exhibits[digest] = (_what(answer.headers.get("Content-Type", "")), answer.octets)
    return found, exhibits


def _inspect(invocation: Invocation, sender: AgencyCode, message_id: str) -> tuple[dict[str, Any], _Exhibits]:
    from lgsp import log
    from lgsp.ports import Store

    async def work(store: Store) -> tuple[dict[str, Any], _Exhibits] | None:
        record = await store.envelope(sender, message_id)
        if record is None:
            return None
        examination = await store.examination(record.sequence)
        found = {"sender": sender, "message_id": message_id, "examination": msgspec.to_builtins(examination)}
        exhibits = await store.exhibits(_digests(found))
        return found, {one.digest: (one.what, one.octets) for one in exhibits}

    found = in_store(invocation.settings(), work)
    log.configure("auto", "info", stream=sys.stderr)
    log.get_logger().info(
        "case.inspected", identifier=f"{sender}/{message_id}", operator=getuser(), envelopes=0 if found is None else 1
    )
    if found is None:
        raise Failed(f"The journal has no envelope {sender}/{message_id}.", "give SENDER/MESSAGE_ID as in the receipt")
    return found


def _digests(found: dict[str, Any]) -> list[str]:
    findings = (found["examination"] or {}).get("findings", ())
    return list(dict.fromkeys(digest for one in findings for digest in one.get("evidence", ())))


def _what(media_type: str) -> str:
    known = {"application/pkix-cert": "certificate", "application/pkix-crl": "crl", "application/ocsp-response": "ocsp"}
    return known.get(media_type, "timestamp")


def _write(folder: Path, exhibits: _Exhibits) -> list[str]:
    """Under their digests: whoever looks at them later can tell that they are the same octets."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for digest, (what, octets) in exhibits.items():
        path = folder / f"{digest.partition(':')[2]}{_ENDINGS.get(what, '.bin')}"
        path.write_bytes(octets)
        written.append(str(path))
    return written


def _tell(examination: dict[str, Any] | None) -> None:
    if examination is None:
        say("Không có chữ ký, và loại thông điệp này không bắt buộc · Nothing is signed, and nothing had to be")
        return
    from signing.report import Verdict
    from signing.words import STATES

    under = f"policy {examination['policy'][:23]}…, trust {examination['trust'][:16]}…"
    say(f"Kiểm tra lúc · Checked at {clock(examination['at'])}, {under}")
    if not examination["findings"]:
        say("Không có chữ ký · Nothing is signed", "yellow")
    for one in examination["findings"]:
        words = STATES[Verdict(one["verdict"])]
        say(
            f"\n{one['place']} ({one['profile']}): {words.vi} · {words.en}", "green" if one["verdict"] == "verified" else "yellow"
        )
        for line in _lines(one):
            say(f"  {line}")
    if examination.get("objection"):
        say(f"\nChính sách sẽ từ chối · The policy would refuse: {examination['objection']}", "yellow")


def _lines(one: dict[str, Any]) -> list[str]:
    certificate, person = one.get("certificate"), [one.get(name) for name in ("capacity", "on_behalf_of", "title", "name")]
    holders = {"seal": "con dấu của cơ quan · seal of the organisation", "person": "cá nhân · a person"}
    registered = "đã đăng ký cho bên gửi · registered for the sender" if one.get("bound") else "chưa đăng ký · not registered"
    lines = [f"{holders.get(one.get('holder', ''), 'không rõ · unclear')}; {registered}"]
    if any(person):
        lines.append(" ".join(str(text) for text in person if text))
    if certificate is not None:
        lines += [plain(certificate["subject"]), f"SHA-256 {certificate['sha256']}"]
    lines += [_state(one, name) for name in ("integrity", "trust", "revocation", "time_evidence")]
    lines += [f"{label}: {clock(one[name])}" for name, label in _TIMES.items() if one.get(name)]
    lines += [
        f"{rule['code']}: {rule['title_vi']} · {rule['title_en']} {plain(rule.get('detail', ''))}"
        for rule in one.get("rules", ())
    ]
    return lines


def _state(one: dict[str, Any], name: str) -> str:
    """A state in both languages; its code is in --json."""
    from signing.report import Integrity, Revocation, TimeEvidence, Trust
    from signing.words import STATES

    kinds = {"integrity": Integrity, "trust": Trust, "revocation": Revocation, "time_evidence": TimeEvidence}
    words = STATES[kinds[name](one[name])]
    return f"{words.vi} · {words.en}"
