"""What verifying a signature costs. XML: beside its floor (parse, exclusive C14N, SHA-256, one RSA verification: nobody can do
without) and beside signxml and xmlsec, all in the same run. The path is remembered, as it is in service."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import signxml
import xmlsec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from rich.console import Console

from signing.profiles import DSIG, ENVELOPE, ENVELOPE_XADES, Profile
from signing.report import Verdict
from signing.trust import TrustBase
from signing.verify import check
from tests import signatures
from tests.bench import cms, jws, paths, report
from tests.bench.report import Row
from tests.signatures import AT, PLAIN, WITH_XADES, Recipe

_FLOOR = "parse, C14N, SHA-256, RSA"
_ROUND_S = 0.15  # of each candidate, a round
_PAPER = (
    "<papers><name>Hợp đồng chuyển nhượng quyền sử dụng đất đã chứng thực, thửa đất số {n}, tờ bản đồ số 12</name>"
    "<copy>1</copy><quantity>2</quantity><files><name>hop-dong-{n}.pdf</name>"
    "<link>https://mot-cua.angiang.example.vn/tep/{n}</link></files></papers>"
)


@dataclass(frozen=True, slots=True)
class Case:
    """`goal`: our ratio to the floor; `ahead`: how many times signxml and xmlsec must take what we take."""

    name: str
    size: int
    recipe: Recipe
    profile: Profile
    goal: float
    ahead: tuple[float, float] = (3.0, 1.8)


CASES = (
    Case("8 KB RSA-2048", 8_000, PLAIN, ENVELOPE, 1.4),
    Case("100 KB RSA-2048", 100_000, PLAIN, ENVELOPE, 1.2),
    Case("8 KB RSA-2048 XAdES-B", 8_000, WITH_XADES, ENVELOPE_XADES, 1.7),
)


def measure(rounds: int) -> list[Row]:
    """Microseconds of each candidate, and how it stands to the floor of the same rounds."""
    rows: list[Row] = []
    named = [(case.name, _candidates(case), _FLOOR) for case in CASES]
    others = [(one.NAME, one.candidates(), one.FLOOR) for one in (jws, cms, paths)]
    others.append((jws.OWN_NAME, jws.own_candidates(), jws.OWN_FLOOR))
    for case_name, candidates, floor in (*named, *others):
        samples: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(rounds):
            for name, act in candidates.items():
                samples[name].append(_cost_us(act))
        rows += [
            report.row("signature", case_name, name, "us", found, samples["floor"], floor) for name, found in samples.items()
        ]
    return rows


def show(console: Console, rows: Sequence[Row]) -> None:
    report.print_rows(console, "CPU time of one verification; ratio to the floor", rows)
    by_key = {one.key: one for one in rows}
    for case in CASES:
        ours = by_key["signature", case.name, "ours"]
        others = [by_key["signature", case.name, name].value / ours.value for name in ("signxml", "xmlsec")]
        console.print(
            f"{case.name}: {ours.ratio:.2f} (goal {case.goal}); signxml takes {others[0]:.1f} times as long "
            f"(goal {case.ahead[0]:.1f}), xmlsec {others[1]:.1f} times (goal {case.ahead[1]:.1f})",
            highlight=False,
        )
    for one in (jws, cms):
        console.print(f"{one.NAME}: {by_key['signature', one.NAME, 'ours'].ratio:.2f} (goal {one.GOAL})", highlight=False)
    remembered = by_key["signature", paths.NAME, "remembered"].value
    console.print(f"{paths.NAME}, remembered: {remembered:.1f} us (goal {paths.GOAL_US})", highlight=False)


def document(size: int) -> bytes:
    """About `size` octets of a case file."""
    paper, papers = len(_PAPER.encode()), []
    for number in range(max(1, (size - 2_500) // paper)):
        papers.append(_PAPER.format(n=number))
    return f'<case.file xmlns="urn:lgsp:case.file:1">{"".join(papers)}</case.file>'.encode()


def _candidates(case: Case) -> dict[str, Callable[[], object]]:
    signer = signatures.agency()
    octets = signatures.by_xmlsec(document(case.size), signer, case.recipe)
    trust = TrustBase(documents=signatures.authority().anchors())
    assert check(octets, case.profile, trust, AT).report.verdict is Verdict.VERIFIED_REVOCATION_UNKNOWN
    config = signxml.SignatureConfiguration(expect_references=2 if case.recipe.xades else 1)
    key = xmlsec.Key.from_memory(signer.pem, xmlsec.KeyFormat.CERT_PEM)
    return {
        "floor": _floor(octets, signer),
        "ours": partial(check, octets, case.profile, trust, AT),
        "xmlsec": partial(_xmlsec, octets, key),
        "signxml": partial(signxml.XMLVerifier().verify, octets, x509_cert=signer.certificate, expect_config=config),
    }


def _floor(octets: bytes, signer: signatures.Holder) -> Callable[[], object]:
    root = etree.fromstring(octets)
    info = etree.tostring(root[-1][0], method="c14n", exclusive=True)
    value = signer.key.sign(info, PKCS1v15(), SHA256()) if isinstance(signer.key, rsa.RSAPrivateKey) else b""
    key = signer.key.public_key()
    assert isinstance(key, rsa.RSAPublicKey)

    def act() -> object:
        tree = etree.fromstring(octets)
        hashlib.sha256(etree.tostring(tree, method="c14n", exclusive=True, with_comments=False)).digest()
        return key.verify(value, info, PKCS1v15(), SHA256())

    return act


def _xmlsec(octets: bytes, key: xmlsec.Key) -> None:
    root = etree.fromstring(octets)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = key
    context.verify(xmlsec.tree.find_node(root, "Signature", DSIG))


def _cost_us(act: Callable[[], object]) -> float:
    """CPU time of one, over as many as fit into a round."""
    done, began = 0, time.process_time()
    while (took := time.process_time() - began) < _ROUND_S:
        for _ in range(10):
            act()
        done += 10
    return took / done * 1e6
