"""What a recipient's SOAP answer means: its table of replies first, then faults, then the element that its rules name. Pure.

Sources: SOAP 1.1, 4.4 (fault codes), 6.2 (HTTP 500); SOAP 1.2 part 1, 5.4.6 (codes), part 2, 7.5.2 (status).
"""

from lxml import etree
from multidict import CIMultiDict

from adapters.answers import TRY_LATER, Answer, by_status, by_table, detail_of, short
from adapters.soap.registration import AnswerRules, Plan
from contracts.errors import ContractError
from contracts.outcome import Delivered, Outcome, Refused, Retry
from contracts.replies import Reply
from contracts.safe_xml import local_name, parse
from contracts.soap.message import Version
from contracts.soap.mime import is_related, read_related

MAX_ANSWER_BYTES = 1 << 20
_MAX_REMOTE_REF_CHARS = 128
_OURS_TO_MEND = frozenset({"Client", "Sender"})
# By local name: WS-Security, 12. Whoever knows the key has to mend it; the sender of the message cannot.
_SECURITY_CODES = frozenset(
    {
        "UnsupportedSecurityToken",
        "UnsupportedAlgorithm",
        "InvalidSecurity",
        "InvalidSecurityToken",
        "FailedAuthentication",
        "AuthenticationFailure",  # of the npm package soap
        "FailedCheck",
        "SecurityTokenUnavailable",
        "MessageExpired",
    }
)


def outcome_of(answer: Answer, plan: Plan, replies: tuple[Reply, ...], now: float) -> Outcome:
    """`now`: Unix time in seconds."""
    body = _body_of(answer)
    if body is not None:
        answer = _told(answer, body)
    found = by_table(answer, now, replies)
    if found is not None:
        return found
    fine = 200 <= answer.status < 300
    if fine and answer.whole and not answer.body and not plan.operation.answer:
        return Delivered()
    if body is None or not len(body):
        return _garbled(answer, "no SOAP message") if fine else by_status(answer, now)
    first = body[0]
    if local_name(first) == "Fault":
        return _of_fault(first, answer.status)
    return _of_answer(first, plan, answer) if fine else by_status(answer, now)


def _body_of(answer: Answer) -> etree._Element | None:
    """None: it is no SOAP message, or not whole. Which version it is, and what it calls itself, does not matter."""
    if not answer.whole or "Content-Encoding" in answer.headers:
        return None
    content_type, octets = answer.headers.get("Content-Type", ""), answer.body
    try:
        root = parse(read_related(content_type, octets).root if is_related(content_type) else octets)
    except ContractError:
        return None
    name = etree.QName(root)
    if name.localname != "Envelope" or name.namespace not in {one.value for one in Version}:
        return None
    return root.find(f"{{{name.namespace}}}Body")


def _told(answer: Answer, body: etree._Element) -> Answer:
    """What is said stands in the Body: a table of replies looks there, not at the header blocks before it."""
    headers = CIMultiDict(answer.headers)
    headers["Content-Type"] = "text/xml"
    return answer._replace(headers=headers, body=etree.tostring(body, encoding="UTF-8"))


def _of_fault(fault: etree._Element, status: int) -> Outcome:
    codes, text = _said_by_fault(fault)
    detail = short(f"HTTP {status}, fault {' '.join(codes)}: {text}")
    if status in TRY_LATER or not _SECURITY_CODES.isdisjoint(codes) or _OURS_TO_MEND.isdisjoint(codes):
        return Retry("delivery.server_error", detail)
    return Refused("delivery.refused_by_recipient", detail)


def _said_by_fault(fault: etree._Element) -> tuple[list[str], str]:
    """Local names of its codes, the general one first ("Client.Address" is two), and its text with that of its detail."""
    codes, texts = list[str](), list[str]()
    for element in fault.iter("*"):
        name, text = local_name(element), (element.text or "").strip()
        parent = element.getparent()
        above = "" if parent is None else local_name(parent)
        if name == "faultcode" or (name == "Value" and above in ("Code", "Subcode")):
            codes += text.rpartition(":")[2].split(".")
        elif text and name not in ("Node", "Role", "faultactor"):
            texts.append(text)
    return [code[:40] for code in codes], " · ".join(texts)


def _of_answer(content: etree._Element, plan: Plan, answer: Answer) -> Outcome:
    rules, expected = plan.answer, plan.operation.answer
    if rules.field:
        said = _text_of(content, rules.field)
        return _garbled(answer, f"no {rules.field}") if said is None else _by_rules(said, content, rules, answer)
    if expected and local_name(content) != expected:
        return _garbled(answer, f"{local_name(content)[:80]} instead of {expected}")
    return Delivered(remote_ref=_reference(content, rules))


def _by_rules(said: str, content: etree._Element, rules: AnswerRules, answer: Answer) -> Outcome:
    if said.casefold() in rules.delivered:
        return Delivered(remote_ref=_reference(content, rules))
    detail = detail_of(answer)
    return (
        Retry("delivery.server_error", detail)
        if said.casefold() in rules.retry
        else Refused("delivery.refused_by_recipient", detail)
    )


def _reference(content: etree._Element, rules: AnswerRules) -> str:
    return short(_text_of(content, rules.reference) or "", _MAX_REMOTE_REF_CHARS) if rules.reference else ""


def _text_of(content: etree._Element, path: str) -> str | None:
    """Of the first element whose name, and those of the elements around it, end in this path; namespaces do not count."""
    wanted = path.split(".")
    for element in content.iter("*"):
        around = [element, *element.iterancestors()][: len(wanted)]
        if [local_name(one) for one in reversed(around)] == wanted:
            return " ".join("".join(map(str, element.itertext())).split())
    return None


def _garbled(answer: Answer, why: str) -> Retry:
    return Retry("delivery.garbled_answer", short(f"{why} in {detail_of(answer)}"))
