"""The demo's agencies as entries of the hub's directory."""

from datetime import timedelta

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from lgsp.core.directory import Agency, Alias, Grant
from lgsp.core.signers import Signer
from lgsp.demo.province import DemoAgency

# What each level may send; deciding is for departments, parcels are for communes and the post. Closed agencies may send nothing.
_GRANTS = {
    "commune": (Grant(kinds=("case.*", "document.*", "postal.order", "postal.cancel")),),
    "department": (Grant(kinds=("case.*", "document.*")),),
    "post": (Grant(kinds=("postal.event", "postal.settlement")),),
}


def directory_entry(agency: DemoAgency, endpoint: Endpoint | None = None, signers: tuple[Signer, ...] = ()) -> Agency:
    """`endpoint` None: deliveries wait in the mailbox. A directory marks an agency closed by the first day without it."""
    return Agency(
        code=AgencyCode(agency.code),
        name_vi=agency.names[0],
        level=agency.level,
        parent=AgencyCode(agency.parent) if agency.parent else None,
        aliases=tuple(
            Alias(code=AgencyCode(other.code), valid_from=other.valid_from, valid_to=other.valid_to)
            for other in agency.also_known_as
        ),
        closed_on=agency.closed + timedelta(days=1) if agency.closed else None,
        successors=tuple(AgencyCode(code) for code in agency.successors),
        grants=() if agency.closed else _GRANTS.get(agency.level, ()),
        endpoint=endpoint,
        signers=signers,
    )
