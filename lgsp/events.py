"""Every line the hub may write to its log, as data: this table is the log's documentation.

A name is `noun.past_participle` and stable: alarms and dashboards hang on it. One canonical line per unit of work. Units stand in
field names (`_ms`, `_s`, `_bytes`); what a field means is said once, in FIELDS. Bodies, names of citizens, secrets and tokens
never appear. Pure code does not log; it returns.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from lgsp.errors import LgspError

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class LogEvent:
    """`required` fields stand in every line of this event, `optional` ones where they are known."""

    name: str
    level: Level
    when: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


class UnknownEvent(LgspError):
    """A line that the catalogue does not know: a bug, raised only where `check_event` is switched on."""


# Fields that any line may carry; written by lgsp.log.
COMMON: Mapping[str, str] = MappingProxyType(
    {
        "event": "name of the event, a key of EVENTS",
        "level": "debug, info, warning, error",
        "timestamp": "RFC 3339, UTC, microseconds",
        "trace_id": "W3C trace id (32 hex digits) of the request or delivery that this line belongs to",
        "exc_info": "an exception to be rendered (never in the output)",
        "exception": "traceback of an error",
    }
)

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "address": "host and port listened on or connected to",
        "agency": "directory code of an agency: the caller, the owner",
        "agencies": "agencies in the directory",
        "answers": "OCSP answers in use",
        "attempt": "number of the attempt, the first is 1; of a witness or a feed, how many failed",
        "authority": "host and path of a time-stamp authority",
        "bodies": "bodies of envelopes",
        "certificate": "SHA-256 of a certificate, hexadecimal",
        "code": "code from contracts.problems.CATALOGUE; of revocation and time-stamps: lgsp/trust/README.md",
        "component": "loop or part of the program",
        "connection": "name of a connection to the broker, as RabbitMQ shows it",
        "crls": "CRLs in use",
        "delay_s": "seconds until the next attempt",
        "deliveries": "number of deliveries",
        "delivery_id": "delivery, as in receipts and webhook-id",
        "detail": "short technical addition; never a body, a name of a citizen or a secret",
        "digest": "sha256:<64 hex> of a file",
        "documents": "trust anchors for documents",
        "down_s": "seconds it was away",
        "ends": "when it stops being valid, RFC 3339",
        "envelopes": "envelopes newly accepted; of a request, its lines",
        "error": "class of the exception",
        "expired": "deliveries that ended as expired",
        "files": "envelopes whose attachments were erased",
        "host": "host name of the far side",
        "identifier": "identifier of a case, document or parcel that was asked for, or SENDER/MESSAGE_ID",
        "issuer": "SHA-256 over name and key of a certification authority (signing.names.issuer_id)",
        "journal": "sqlite or postgresql",
        "key": "name of a signing key, as `lgsp key list` shows it; of a witness, its name",
        "keys": "signing keys in the set",
        "kid": "thumbprint (RFC 7638) of a signing key",
        "kind": "kind of message, name/version; of evidence crl or ocsp; of what expires: lgsp.trust.expiry",
        "lines": "lines of the log that are lost",
        "logger": "name of the library's logger",
        "logs": "logs that are witnessed",
        "message": "text of a library's log record",
        "message_id": "the sender's id of the envelope",
        "message_ids": "message_id of each envelope newly accepted",
        "method": "HTTP method",
        "next_update": "when its authority promises a newer one, RFC 3339",
        "number": "of an archive file",
        "open": "units of work still under way",
        "operator": "login name of the person at the hub's machine",
        "origin": "name under which a log signs its checkpoints",
        "path": "route of the HTTP request as a template (/v1/mailbox/{delivery_id}), never with its query",
        "pid": "process id",
        "purpose": "what an anchor is trusted for: documents, time-stamps, intermediates (known, not trusted)",
        "queue": "name of a queue",
        "queues": "number of queues",
        "reason": "code from the catalogue; empty for success",
        "recipient": "directory code of the recipient",
        "refused": "envelopes of the batch not taken over",
        "refs": "deliveries published",
        "request_bytes": "size of the request's body",
        "response_bytes": "size of the response's body",
        "resent": "envelopes of the batch that had been accepted before",
        "roles": "gateway, worker",
        "operation": "name of a SOAP operation",
        "sender": "directory code of the sender",
        "sequence": "place in the hub's order of acceptance; of several envelopes the first",
        "shard": "shard queue",
        "size_bytes": "size of a file",
        "state": "state of the delivery afterwards (lgsp.core.lifecycle); of an anchor added or removed; of a key",
        "status": "HTTP status",
        "subject": "name in a certificate, RFC 4514",
        "time_stamps": "trust anchors for time-stamps",
        "took_ms": "milliseconds this unit of work took",
        "uploads": "unfinished uploads removed",
        "version": "version of the program, of the directory, of anchors and policy, of evidence",
        "wait_s": "seconds before the next try",
        "size": "entries in the evidence log",
        "signed": "entries under the largest head of the evidence log that was signed",
        "witness": "name of a witness in witness_policy_file",
        "witnesses": "names of those that did not cosign",
        "waited_ms": "milliseconds in the queue before the work began",
    }
)


def _event(name: str, level: Level, when: str, required: str = "", optional: str = "") -> LogEvent:
    return LogEvent(name, level, when, tuple(required.split()), tuple(optional.split()))


_TABLE: tuple[LogEvent, ...] = (
    # --- the process ------------------------------------------------------------------------------------------------------
    _event("settings.loaded", "info", "once at start, before anything is opened", "journal roles version"),
    _event("hub.started", "info", "the process serves", "roles address pid version", "journal took_ms detail"),
    _event("hub.stopping", "info", "asked to stop (SIGTERM, SIGINT): no new work, the rest is drained", "open", "detail"),
    _event("hub.stopped", "info", "drained, everything closed", "took_ms", "open detail"),
    _event(
        "error.unexpected",
        "error",
        "a bug: the unit of work failed, the process goes on",
        "component",
        "error detail delivery_id message_id sender path method",
    ),
    _event("log.interrupted", "warning", "the log could not be written for a while; traffic went on", "lines"),
    _event("library.reported", "warning", "a library wrote a warning or an error through standard logging", "logger message"),
    # --- coming in --------------------------------------------------------------------------------------------------------
    _event(
        "request.handled",
        "info",
        "one HTTP request was answered",
        "method path status took_ms",
        "agency code request_bytes response_bytes operation sender message_id kind sequence envelopes deliveries delivery_id",
    ),
    _event(
        "batch.committed",
        "info",
        "one transaction took over envelopes of a batch request; those accepted have sequences in the order of message_ids",
        "sender envelopes message_ids",
        "sequence resent refused",
    ),
    _event("retention.applied", "info", "bodies and attachments of envelopes were erased by the rules", "bodies files"),
    _event(
        "retention.failed",
        "error",
        "applying the rules of retention stopped, an archive file was not taken over; it is tried again",
        "error detail",
    ),
    _event("archive.written", "info", "an archive file is complete and was taken over", "number envelopes digest"),
    _event(
        "envelope.erased",
        "info",
        "somebody at the hub's machine erased an envelope's content (`lgsp erase`); why is in its timeline",
        "sender message_id operator",
    ),
    _event("blob.stored", "info", "an attachment is complete and on disk", "digest size_bytes agency"),
    _event("upload.expired", "info", "unfinished uploads were removed after upload_life_h", "uploads"),
    # --- going out --------------------------------------------------------------------------------------------------------
    _event(
        "outbox.deferred",
        "warning",
        "the broker did not confirm; the sweeper publishes later, nothing is lost",
        "refs",
        "error detail wait_s took_ms",
    ),
    _event(
        "delivery.attempted",
        "info",
        "one attempt to hand a delivery over has ended",
        "delivery_id recipient attempt state took_ms",
        "sender message_id kind sequence reason detail delay_s waited_ms host shard",
    ),
    _event(
        "sweep.done",
        "debug",
        "the sweeper looked for due and expired deliveries and found some",
        "took_ms refs expired",
    ),
    _event(
        "message.quarantined",
        "error",
        "the broker held something that is not ours to read; put aside, the rest goes on",
        "detail",
        "queue size_bytes error",
    ),
    _event(
        "recipient.failing",
        "warning",
        "failures in a row: deliveries to this recipient are parked, probes go on; once an outage",
        "recipient reason",
        "detail",
    ),
    _event("recipient.recovered", "info", "it answers again; what was parked goes on", "recipient", "reason detail"),
    _event(
        "maintenance.changed",
        "info",
        "a recipient's maintenance ended by its time (state); who began or ended one: `lgsp maintenance show`",
        "recipient state",
        "detail operator",
    ),
    _event(
        "balance.broken",
        "error",
        "promise 2: the delivery table and the event stream do not agree; an operator has to act (`lgsp balance`)",
        "deliveries",
        "detail",
    ),
    _event(
        "endpoint.disabled",
        "warning",
        "a recipient's endpoint is gone (410); an operator has to register a new one",
        "recipient",
        "delivery_id reason detail host",
    ),
    _event(
        "case.inspected",
        "info",
        "somebody at the hub read what became of a case or envelope over all agencies (`lgsp trace --all`, `lgsp status --all`)",
        "identifier operator envelopes",
    ),
    # --- what the hub leans on ----------------------------------------------------------------------------------------------
    _event("broker.connected", "info", "connected to RabbitMQ, also after a loss", "connection", "down_s detail"),
    _event("broker.subscribed", "info", "this process takes work from the shard queues", "queues"),
    _event("broker.lost", "warning", "RabbitMQ does not answer; intake goes on", "connection", "error detail wait_s"),
    _event("broker.refused", "error", "a queue exists with other arguments; an operator has to act", "connection detail"),
    _event("connection.abandoned", "debug", "a connection to RabbitMQ could not be closed in order", "detail"),
    _event("consignment.abandoned", "debug", "an acknowledgement did not reach RabbitMQ; it delivers again, harmless", "detail"),
    _event(
        "journal.lost",
        "error",
        "the journal does not answer; senders are told 503, deliveries wait",
        "",
        "journal error detail wait_s",
    ),
    _event("blobs.lost", "error", "the attachment store cannot be used; tidying it is tried again later", "detail"),
    # --- whose signatures are believed ---------------------------------------------------------------------------------------
    _event(
        "trust.changed",
        "info",
        "somebody at the hub's machine added (state) or removed a trust anchor or an intermediate",
        "state purpose certificate subject operator",
        "detail",
    ),
    _event(
        "evidence.unreported",
        "warning",
        "a bundle of evidence went out without its report: install the extra `evidence` (typst)",
        "subject",
    ),
    _event(
        "evidence.incomplete",
        "warning",
        "an attachment that should be there is missing in a bundle of evidence",
        "digest",
    ),
    _event("evidence.unsigned", "error", "no head of the evidence log could be signed: accepted without a proof", "detail"),
    _event(
        "evidence.forked",
        "error",
        "the journal's evidence log does not continue what was signed: nothing is signed until somebody has seen to it",
        "size signed detail",
    ),
    _event("checkpoint.failed", "error", "no checkpoint of the evidence log was published this time; tried again", "detail"),
    _event(
        "checkpoint.unwitnessed",
        "error",
        "too few witnesses cosign: no checkpoint is published until enough do; traffic and receipts go on; said once",
        "witnesses",
    ),
    _event(
        "witness.failed",
        "warning",
        "a witness does not cosign; asked again, less and less often; said once",
        "witness code",
        "detail",
    ),
    # --- systems that are polled --------------------------------------------------------------------------------------------
    _event("feed.collected", "info", "a round of polling brought something in", "agency envelopes refused"),
    _event(
        "feed.failed",
        "warning",
        "a feed could not be read; it is asked again, less and less often",
        "agency reason",
        "detail attempt",
    ),
    _event("feed.recovered", "info", "a feed can be read again, after so many failures", "agency attempt"),
    _event("witness.recovered", "info", "it cosigns again, after so many failures", "witness attempt"),
    _event(
        "checkpoint.stamped", "info", "a time-stamp authority stamped a checkpoint of the evidence log", "authority size took_ms"
    ),
    _event(
        "log.restarted",
        "warning",
        "somebody at the hub's machine began a new evidence log (`lgsp log restart`)",
        "origin size operator detail",
    ),
    _event("trust.loaded", "info", "other trust anchors are in use from now on", "version documents time_stamps"),
    _event("trust.unreadable", "error", "anchors or evidence cannot be read; what was read before serves on", "detail"),
    _event("revocation.loaded", "info", "other evidence about revocation is in use from now on", "version crls answers"),
    _event(
        "key.changed",
        "info",
        "somebody at the hub's machine made, activated, certified or retired a signing key",
        "key kid state operator",
    ),
    _event("keys.loaded", "info", "the set of signing keys was changed and is in use (`lgsp key list`)", "keys kid"),
    _event("keys.unusable", "error", "the changed set of signing keys cannot be used; the one before stays in use", "detail"),
    _event("key.unusable", "error", "a signing key cannot be used; another one of its purpose goes on", "key detail"),
    _event("token.lost", "error", "the PKCS#11 token did not sign; who asked is told 503", "key detail"),
    _event(
        "revocation.fetched",
        "info",
        "a CRL or OCSP answer was fetched and verified; size_bytes 0: nothing is new",
        "kind host took_ms size_bytes wait_s next_update",
    ),
    _event(
        "revocation.imported",
        "info",
        "somebody at the hub's machine brought a CRL by hand",
        "issuer operator size_bytes next_update",
    ),
    _event(
        "trust.expiring",
        "warning",
        "an anchor, an authority, a signer or a key's certificate ends within 30 days, or has; said once a day",
        "kind subject ends",
        "certificate",
    ),
    _event(
        "timestamp.failed",
        "warning",
        "a time-stamp authority gave no good time-stamp; the next one is asked",
        "host code took_ms",
        "detail",
    ),
    _event(
        "revocation.failed",
        "warning",
        "a CRL or OCSP answer could not be had, or was refused; what is known serves on",
        "kind host code wait_s",
        "detail took_ms attempt",
    ),
    # --- a witness of logs, a process of its own ------------------------------------------------------------------------------
    _event("witness.started", "info", "a witness answers (`lgsp witness run`)", "key address logs"),
    _event("witness.stopped", "info", "asked to stop; every request was answered", ""),
    _event("witness.cosigned", "info", "the checkpoint of this size continues what was seen: kept, then cosigned", "origin size"),
    _event("witness.refused", "info", "a checkpoint was not cosigned (C2SP tlog-witness)", "code status origin", "detail"),
    _event(
        "fork.found",
        "error",
        "a log signed two trees of one size; the proof is kept and goes to who oversees it",
        "origin",
        "detail",
    ),
    # --------------------------------------------------------------------------------------------------------------------------
    _event("directory.loaded", "info", "a new version of the directory is in use", "version agencies", "took_ms"),
)

EVENTS: Mapping[str, LogEvent] = MappingProxyType({one.name: one for one in _TABLE})


def check_event(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that holds the code to the catalogue: name, level, fields. Raises UnknownEvent.

    Switched on in tests; in service a line that nobody documented is better than none.
    """
    event = EVENTS.get(line["event"])
    if event is None:
        raise UnknownEvent(f"{line['event']!r} is not in lgsp.events.EVENTS")
    if event.level != method and event.name != "library.reported":
        raise UnknownEvent(f"{event.name} is a line of level {event.level}, not {method}")
    extra = line.keys() - {*event.required, *event.optional} - COMMON.keys()
    if extra:
        raise UnknownEvent(f"{event.name} has no field {', '.join(sorted(extra))}")
    missing = [name for name in event.required if name not in line]
    if missing:
        raise UnknownEvent(f"{event.name} lacks {', '.join(missing)}")
    return line
