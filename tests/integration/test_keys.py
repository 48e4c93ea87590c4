"""The hub's keys on disk and in service: killed at any line, changed under way, never without one that signs."""

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lgsp.core.key_set import KeyMisuse, Purpose, activated
from lgsp.trust import key_files
from lgsp.trust.key_files import KeyFiles, KeysUnusable
from lgsp.trust.keys import HubKeys, SigningUnavailable
from signing.certificate_requests import request_for, self_signed_for
from signing.jws import NotVerified, keys_of, verify
from signing.keys import Algorithm
from signing.local_key import LocalKey
from tests import signatures
from tests.thorough import much

TYP = "lgsp-test+jws"


def now() -> datetime:
    return datetime.now(UTC)


def ed25519() -> LocalKey:
    return LocalKey.new(Algorithm.ED25519)


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    files = KeyFiles(tmp_path / "keys")
    files.ensure(Purpose.STATEMENTS, ed25519, now)
    return files


def in_service(files: KeyFiles, clock: Callable[[], datetime] = now) -> HubKeys:
    keys = HubKeys(files, None, clock)
    keys._look_at = 0.0
    return keys


def looks_now(keys: HubKeys) -> None:
    keys._look_at = 0.0


def add_and_activate(files: KeyFiles) -> None:
    record = files.add(Purpose.STATEMENTS, ed25519(), now())
    files.change(lambda keys: activated(keys, record.name, now(), now()))


def retire_first(files: KeyFiles) -> None:
    files.retire("statements-1", None, now())


def start_first(files: KeyFiles) -> None:
    files.ensure(Purpose.STATEMENTS, ed25519, now)


def certify(files: KeyFiles) -> None:
    key = LocalKey.new(Algorithm.ECDSA_P256_SHA256)
    record = files.add(Purpose.RECEIPTS, key, now())
    files.certify(record.name, self_signed_for(key, key.public(), "CN=LGSP", now()))
    files.change(lambda keys: activated(keys, record.name, now(), now()))


def killed(act: Callable[[KeyFiles], None], files: KeyFiles, line: int) -> bool:
    """Whether `act` was killed before its `line`-th line, in a process of its own: nothing is tidied up."""
    child = os.fork()
    if child == 0:
        left = line

        def count(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename != key_files.__file__:
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    os._exit(9)
            return count

        sys.settrace(count)
        try:
            act(files)
        except BaseException:  # noqa: BLE001 - the child must not go on as a test
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.mark.parametrize("act", [add_and_activate, retire_first, start_first, certify])
def test_whoever_changes_the_keys_may_be_killed_at_any_line(act: Callable[[KeyFiles], None], tmp_path: Path) -> None:
    """Afterwards the set is whole, every key in it can be used, one signs, and the same command does its work."""
    line, more = 0, True
    while more:
        line += much(1, 3)
        files = KeyFiles(tmp_path / str(line))
        if act is not start_first:
            files.ensure(Purpose.STATEMENTS, ed25519, now)
        if act is retire_first:
            add_and_activate(files)
        more = killed(act, files, line)
        start_first(files)
        for record in files.read().signing(now()):
            assert files.private(record).public() == record.public
        kid = HubKeys(files, None, now).kid
        if act is retire_first and files.read().named("statements-1").retired_at is not None:
            assert kid
        act(files)
        assert HubKeys(files, None, now).kid
        assert not list(files.folder.glob(".draft-*"))
    assert line > 20


async def test_a_running_process_changes_over_at_the_stated_moment(files: KeyFiles) -> None:
    """No restart, no signal: the set is read again, and the time decides."""
    clock = [now()]
    keys = in_service(files, lambda: clock[0])
    first, before = keys.kid, msgspec.json.encode(keys.jwks())
    record = files.add(Purpose.STATEMENTS, ed25519(), clock[0])
    files.change(lambda found: activated(found, record.name, clock[0] + timedelta(hours=1), clock[0]))
    looks_now(keys)
    assert keys.kid == first
    published = keys_of(msgspec.json.encode(keys.jwks()))
    assert len(published) == 2
    clock[0] += timedelta(hours=1)
    token = await keys.statement(b"{}", TYP)
    assert keys.kid != first
    assert verify(token, published, TYP).kid == keys.kid
    with pytest.raises(NotVerified):
        verify(token, keys_of(before), TYP)


async def test_statements_made_while_keys_change_are_verified_by_the_set_before_or_after(files: KeyFiles) -> None:
    """Five changes under load: whoever fetches the key set just before or just after a statement can verify it."""
    keys = in_service(files)
    done = asyncio.Event()
    kids = set()

    async def state() -> int:
        count = 0
        while not done.is_set() or count < 50:
            looks_now(keys)
            before = keys_of(msgspec.json.encode(keys.jwks()))
            token = await keys.statement(b"{}", TYP)
            looks_now(keys)
            after = keys_of(msgspec.json.encode(keys.jwks()))
            kids.add(verify(token, (*before, *after), TYP).kid)
            assert verify(token, after, TYP)
            count += 1
            await asyncio.sleep(0)
        return count

    async def rotate() -> None:
        for number in range(2, 7):
            await asyncio.to_thread(add_and_activate, files)
            await asyncio.to_thread(files.retire, f"statements-{number - 1}", None, now())
        done.set()

    counted, *_ = await asyncio.gather(state(), state(), rotate())
    assert counted >= 50 and len(kids) > 1


async def test_a_set_that_cannot_be_used_is_not_taken_over(files: KeyFiles) -> None:
    """Broken, without its key file, or open to others: the key before goes on, and a mended set is followed."""
    keys = in_service(files)
    kid = keys.kid
    good = (files.folder / "keys.json").read_bytes()
    for broken in (b"", b"{", b'{"format": 2, "keys": []}', b'{"format": 1, "keys": []}'):
        (files.folder / "keys.json").write_bytes(broken)
        looks_now(keys)
        assert keys.kid == kid
    (files.folder / "keys.json").unlink()
    looks_now(keys)
    assert verify(await keys.statement(b"{}", TYP), keys_of(msgspec.json.encode(keys.jwks())), TYP).kid == kid
    (files.folder / "keys.json").write_bytes(good)
    add_and_activate(files)
    (files.folder / "statements-2.pem").chmod(0o644)
    looks_now(keys)
    assert keys.kid == kid, "the newer key can be read by others: the one before goes on"
    (files.folder / "statements-2.pem").chmod(0o600)
    files.change(lambda found: found)
    looks_now(keys)
    assert keys.kid != kid


def test_a_key_file_must_be_the_owners_alone_and_the_key_that_the_set_names(files: KeyFiles) -> None:
    """Whoever could read it may have it; whoever changed it wants something."""
    record = files.read().named("statements-1")
    path = files.folder / "statements-1.pem"
    path.chmod(0o640)
    with pytest.raises(KeysUnusable, match="chmod 600"):
        files.private(record)
    path.chmod(0o600)
    path.write_bytes(ed25519().pem())
    with pytest.raises(KeysUnusable, match="another key"):
        files.private(record)
    path.write_bytes(b"junk")
    with pytest.raises(KeysUnusable, match="not an unencrypted"):
        files.private(record)


def test_a_retired_key_leaves_no_private_half(files: KeyFiles) -> None:
    """Its public half stays in the set."""
    add_and_activate(files)
    retire_first(files)
    assert not (files.folder / "statements-1.pem").exists()
    assert [one.name for one in files.read().published(now())] == ["statements-1", "statements-2"]


def test_a_chain_is_installed_in_order_and_only_if_it_is_the_keys(files: KeyFiles) -> None:
    """The key's own certificate first, its issuer behind it, the authority's own left out, whatever the order of the file."""
    key = LocalKey.new(Algorithm.ECDSA_P256_SHA256)
    record = files.add(Purpose.RECEIPTS, key, now())
    assert isinstance(key.key, signatures.Key)
    root, middle = signatures.authority(), signatures.intermediate()
    own = signatures.issue("Trục liên thông", key.key, middle)
    done = files.certify(record.name, root.pem + middle.pem + own.pem)
    assert done.named(record.name).certificates == (own.der, middle.der)
    for wrong in (b"junk", middle.pem, own.pem + own.pem, own.pem + middle.pem + signatures.agency().pem):
        with pytest.raises(KeyMisuse):
            files.certify(record.name, wrong)
    assert files.read().named(record.name).certificates == (own.der, middle.der)


@pytest.mark.parametrize("algorithm", [Algorithm.ECDSA_P256_SHA256, Algorithm.ECDSA_P384_SHA384, Algorithm.RSA_SHA256])
def test_requests_and_self_signed_certificates_are_what_others_read(algorithm: Algorithm) -> None:
    """By `cryptography`: the name as given, the key, a signature that fits, made for signing."""
    key = LocalKey.new(algorithm)
    request = x509.load_pem_x509_csr(request_for(key, key.public(), "CN=Trục LGSP An Giang,O=Sở KH&CN,C=VN"))
    assert request.is_signature_valid and request.subject.rfc4514_string() == "CN=Trục LGSP An Giang,O=Sở KH&CN,C=VN"
    assert request.public_key() == key.key.public_key()
    certificate = x509.load_pem_x509_certificate(self_signed_for(key, key.public(), "CN=Trục,C=VN", now()))
    certificate.verify_directly_issued_by(certificate)
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment
    assert certificate.public_bytes(Encoding.DER)
    with pytest.raises(ValueError, match="name"):
        request_for(key, key.public(), "")


async def test_without_a_certificate_nothing_is_signed_in_xml(files: KeyFiles) -> None:
    """Said as unavailable; with one the key and its chain are handed to who writes the signature, and published."""
    keys = in_service(files)
    assert not keys.can_sign_xml
    with pytest.raises(SigningUnavailable):
        await keys.with_certificate(lambda signer: signer.certificates)
    certify(files)
    looks_now(keys)
    assert keys.can_sign_xml
    chain = await keys.with_certificate(lambda signer: signer.certificates)
    published = [one for one in keys.jwks().keys if one.kty == "EC"]
    assert [list(one.x5c) for one in published] == [list(chain)] and published[0].alg == "ES256"
