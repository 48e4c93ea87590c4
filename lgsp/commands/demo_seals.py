"""The demo's seals: a little PKI in the sandbox, trusted by its hub alone, and who signs there for each agency."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from cryptography.x509.oid import NameOID

from lgsp.core.signers import Signer
from lgsp.demo.sandbox import members_by_name, pki_folder
from lgsp.durable import make_folder, replace_file
from lgsp.settings import Settings
from lgsp.trust.demo_pki import DemoPki, Holder
from lgsp.trust.demo_pki.pki import open_folder
from lgsp.trust.places import INBOX
from lgsp.trust.store import Purpose, TrustStore, fingerprint

_NOTE = "demo"


def open_demo_pki(settings: Settings, at: datetime) -> DemoPki:
    """Keys of an earlier run are kept. The hub of the sandbox trusts it; no other hub ever should."""
    pki = open_folder(pki_folder(settings.data_dir), members_by_name(), at)
    store = TrustStore(settings.trust_path)
    _trust(store, "documents", pki.holders["authorities/root"], at)
    _trust(store, "time-stamps", pki.holders["authorities/time-stamp-root"], at)
    for issuer in ("agencies", "persons"):
        _trust(store, "intermediates", pki.holders[f"authorities/{issuer}"], at)
    _bring_lists(settings.revocation_path / INBOX, pki, at)
    return pki


def signers_of(pki: DemoPki) -> Mapping[str, tuple[Signer, ...]]:
    """By agency: its seal, its head, and a deputy who signs for the head (KT.)."""
    return {code: tuple(_signers(pki, code)) for code in pki.agencies}


def _signers(pki: DemoPki, code: str) -> Iterator[Signer]:
    head, deputy = pki.person(code), pki.person(code, "deputy")
    yield _signer("seal", pki.seal(code))
    yield _signer("person", head, name=_said(head, NameOID.COMMON_NAME), title=_said(head, NameOID.TITLE))
    yield _signer(
        "person",
        deputy,
        name=_said(deputy, NameOID.COMMON_NAME),
        title=_said(deputy, NameOID.TITLE),
        capacity="KT.",
        on_behalf_of=_said(head, NameOID.TITLE),
    )


def _signer(holder: str, of: Holder, **stated: str) -> Signer:
    ends = of.certificate.not_valid_after_utc.date()
    return Signer(holder=holder, certificate_sha256=fingerprint(of.certificate), expires_on=ends, **stated)  # type: ignore[arg-type]


def _said(one: Holder, attribute: object) -> str:
    return str(one.certificate.subject.get_attributes_for_oid(attribute)[0].value)  # type: ignore[arg-type]


def _bring_lists(inbox: Path, pki: DemoPki, at: datetime) -> None:
    """As an operator brings lists to a hub that may not fetch: nobody serves them here."""
    make_folder(inbox.absolute())
    for issuer in ("root", "agencies", "persons"):
        replace_file(inbox / f"{issuer}.crl", pki.crl(issuer, at))


def _trust(store: TrustStore, purpose: Purpose, anchor: Holder, at: datetime) -> None:
    kept = {(one.purpose, one.sha256) for one in store.load().kept}
    if (purpose, fingerprint(anchor.certificate)) not in kept:
        store.add(anchor.certificate, purpose, at=at, by=_NOTE, note=_NOTE)
