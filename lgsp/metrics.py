"""What the hub counts, for Prometheus. Units are in the names; labels are few and closed."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from contracts.feed import Collected, FeedTrouble
from contracts.problems import CATALOGUE
from contracts.signed import PARTS
from lgsp.core.hold import Cause
from lgsp.core.lifecycle import State
from lgsp.core.signatures.finding import Finding
from lgsp.ports import Balance
from signing.report import Verdict
from signing.snapshot import RevocationSnapshot

ACCEPTED = Counter("lgsp_envelopes_accepted_total", "Envelopes accepted (a resend is not counted again)")
RESENT = Counter("lgsp_envelopes_resent_total", "Resends of the same bytes, answered with the same receipt")
REFUSED = Counter("lgsp_envelopes_refused_total", "Envelopes refused, by catalogue code", ["code"])
QUOTA_REFUSED = Counter("lgsp_quota_refused_total", "Envelopes turned away because their sender's quota was used up (429)")
CROWDED_OUT = Counter(
    "lgsp_intake_turned_away_total", "Envelopes turned away because the intake, or their sender's part of it, was full (503)"
)
COMMIT_BATCH = Histogram(
    "lgsp_commit_batch_envelopes", "Envelopes per journal transaction", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500)
)
COMMIT_S = Histogram(
    "lgsp_commit_seconds",
    "Duration of a journal transaction that accepts",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
)
ATTEMPT_S = Histogram(
    "lgsp_attempt_seconds",
    "Duration of one attempt to deliver",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
SETTLED = Counter("lgsp_deliveries_settled_total", "Settlements by resulting state (ready: a retry was scheduled)", ["state"])
PARKED = Counter("lgsp_deliveries_parked_total", "Deliveries parked because their recipient is on hold")
REPLAYED = Counter("lgsp_dead_letters_replayed_total", "Dead letters put back on their way and ready at once")
STALE = Counter("lgsp_refs_stale_total", "References dropped because their delivery had moved on")
OUTBOX_PUBLISHED = Counter("lgsp_outbox_published_total", "References confirmed by the broker")
OUTBOX_DEFERRED = Counter("lgsp_outbox_deferred_total", "References left to the sweeper because the broker did not answer")
SWEPT = Counter(
    "lgsp_sweeper_refs_total", "References published by the sweeper: retries that fell due and what was never confirmed"
)
INTAKE_HELD = Gauge("lgsp_intake_held_envelopes", "Envelopes in memory that are being decided or wait for their commit")
INTAKE_SENDERS = Gauge("lgsp_intake_senders", "Senders that have envelopes in the intake")
ATTEMPTS_RUNNING = Gauge("lgsp_attempts_running", "Attempts under way")
DELIVERIES = Gauge("lgsp_deliveries", "Deliveries by state, from the delivery table", ["state"])
BALANCE_DIFFERENCE = Gauge(
    "lgsp_balance_difference",
    "Deliveries, and endings by state, that only one of delivery table and event stream knows; not 0 is an alarm",
)

FEED_ROUNDS = Counter("lgsp_feed_rounds_total", "Rounds of polling systems that push nothing, by outcome", ["outcome"])
FEED_TAKEN = Counter("lgsp_feed_envelopes_total", "Envelopes that polling brought in, by outcome", ["outcome"])

HOLDS = Gauge("lgsp_recipients_on_hold", "Recipients whose deliveries are parked, by cause", ["cause"])

SIGNATURES = Counter("lgsp_signatures_total", "Signatures looked at, by part of the envelope and verdict", ["part", "verdict"])
EXAMINATION_S = Histogram(
    "lgsp_signature_examination_seconds",
    "Duration of looking at all signatures of one envelope",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 0.5, 2, 10),
)

BALANCE_COUNTED = Gauge(
    "lgsp_balance_counted_timestamp_seconds", "When the balance was last counted (Unix time); long ago: the alarm above is blind"
)

TRUST_ANCHORS = Gauge("lgsp_trust_anchors", "Trust anchors in use", ["purpose"])
REVOCATION_EVIDENCE = Gauge("lgsp_revocation_evidence", "Pieces of evidence about revocation in use", ["kind"])
REVOCATION_OLDEST = Gauge(
    "lgsp_revocation_oldest_timestamp_seconds", "thisUpdate (Unix time) of the oldest CRL or OCSP answer in use; 0: there is none"
)
REVOCATION_NEXT = Gauge(
    "lgsp_revocation_next_update_timestamp_seconds", "Earliest nextUpdate (Unix time) of what is in use; past: an issuer is late"
)
REVOCATION_FETCHES = Counter("lgsp_revocation_fetches_total", "CRLs and OCSP answers asked for, by outcome", ["kind", "outcome"])
REVOCATION_FAILING = Gauge("lgsp_revocation_sources_failing", "Sources whose last fetch failed, in the process that fetches")

LOG_SIZE = Gauge("lgsp_log_entries", "Entries in the evidence log")
LOG_PUBLISHED = Gauge("lgsp_log_published_entries", "Entries under the last checkpoint that was published")
LOG_PUBLISHED_AT = Gauge(
    "lgsp_log_published_timestamp_seconds", "When it was published (Unix time); old though the log has grown: nobody can compare"
)
LOG_WITNESSES_MISSING = Gauge("lgsp_log_witnesses_missing", "Witnesses that the last checkpoint had to do without")
LOG_STAMP_LAG_S = Gauge(
    "lgsp_log_stamp_lag_seconds", "Since when a published checkpoint waits for a time-stamp of this authority; 0: none does",
    ["authority"],
)  # fmt: skip
LOG_FORKED = Gauge("lgsp_log_forked", "1: the journal's log does not continue what was signed, and nothing is signed any more")
REFUSALS_UNPROVED = Counter("lgsp_refusals_without_proof_total", "Refusals that left without a place in the log")
ERASED = Counter("lgsp_erased_total", "Erased: bodies of envelopes, attachments of envelopes, blobs deleted after", ["what"])
ARCHIVED = Counter("lgsp_archived_envelopes_total", "Envelopes archived because a rule of retention says so, and taken over")
RETENTION_BARRED = Gauge(
    "lgsp_retention_barred_envelopes", "Due to be erased, but dead letters that may still be replayed, as last looked"
)
RETENTION_LATE_S = Gauge(
    "lgsp_retention_late_seconds", "How long the oldest of what is due had been due, as last looked; while it grows, act"
)
RETENTION_LOOKED = Gauge("lgsp_retention_looked_timestamp_seconds", "When rules of retention were last applied (Unix time)")

_holds = {cause: HOLDS.labels(cause.label) for cause in Cause}
_rounds = {outcome: FEED_ROUNDS.labels(outcome) for outcome in ("done", "failed")}
_polled = {outcome: FEED_TAKEN.labels(outcome) for outcome in ("taken", "refused")}
_settled = {state: SETTLED.labels(state.label) for state in State}
_deliveries = {state: DELIVERIES.labels(state.label) for state in State}
_signatures: dict[tuple[str, str], Counter] = {
    (part, one): SIGNATURES.labels(part, one) for part in (*PARTS, "message") for one in Verdict
}
_refused = {code: REFUSED.labels(code) for code in CATALOGUE}


def settled(state: State) -> None:
    _settled[state].inc()


def examined(took_s: float, findings: Iterable[Finding]) -> None:
    """Signatures of one envelope were looked at."""
    EXAMINATION_S.observe(took_s)
    for one in findings:
        _signatures[one.part, one.verdict].inc()


def refused(code: str) -> None:
    _refused[code].inc()


def collected(round_: Collected | FeedTrouble) -> None:
    """A round of polling has ended."""
    if isinstance(round_, FeedTrouble):
        _rounds["failed"].inc()
        return
    _rounds["done"].inc()
    _polled["taken"].inc(round_.taken)
    _polled["refused"].inc(round_.refused)


def balanced(balance: Balance) -> None:
    """Takes over a count of the journal."""
    for state in State:
        _deliveries[state].set(balance.by_state.get(state, 0))
    BALANCE_DIFFERENCE.set(balance.difference)
    BALANCE_COUNTED.set_to_current_time()


def held(holds: Mapping[Cause, int]) -> None:
    """Takes over a count of the journal."""
    for cause, gauge in _holds.items():
        gauge.set(holds.get(cause, 0))


def trusted(documents: int, time_stamps: int) -> None:
    TRUST_ANCHORS.labels("documents").set(documents)
    TRUST_ANCHORS.labels("time-stamps").set(time_stamps)


def revocation_known(snapshot: RevocationSnapshot) -> None:
    """Takes over what this process goes by from now on."""
    REVOCATION_EVIDENCE.labels("crl").set(len(snapshot.crls))
    REVOCATION_EVIDENCE.labels("ocsp").set(len(snapshot.ocsp))
    begun = [*(one.this_update for one in snapshot.crls), *(one.this_update for one in snapshot.ocsp)]
    ends = [*(one.next_update for one in snapshot.crls), *(one.next_update for one in snapshot.ocsp if one.next_update)]
    REVOCATION_OLDEST.set(min(begun).timestamp() if begun else 0)
    REVOCATION_NEXT.set(min(ends).timestamp() if ends else 0)


def log_published(size: int, published: int, published_at: datetime | None) -> None:
    """Takes over a look at the log."""
    LOG_SIZE.set(size)
    LOG_PUBLISHED.set(published)
    LOG_PUBLISHED_AT.set(0 if published_at is None else published_at.timestamp())


def watch_intake(held: Callable[[], float], senders: Callable[[], float]) -> None:
    """Both are read whenever metrics are."""
    INTAKE_HELD.set_function(held)
    INTAKE_SENDERS.set_function(senders)
