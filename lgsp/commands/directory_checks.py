"""What an edit of the directory must not say, because it would only show much later."""

from collections.abc import Sequence

from contracts.replies import check_replies
from lgsp.commands.common import Failed
from lgsp.core.directory import Agency, Directory

NOT_THERE = "`lgsp agency list` shows the codes; `lgsp agency add` registers one"


def check_references(changed: Sequence[Agency], directory: Directory) -> None:
    """What would only show much later: raises Failed for a parent, successor, subscribed agency or kind that nobody knows,
    ContractError "endpoint.reply_invalid"."""
    from lgsp.core.signatures.whose import problem_of

    known = directory.agencies.keys() | {one.code for one in changed}
    for one in changed:
        subscribed = {code for wish in one.subscriptions for code in (*wish.senders, *wish.recipients)} - {"*"}
        for code in (*((one.parent,) if one.parent else ()), *one.successors, *sorted(subscribed)):
            if code not in known:
                raise Failed(f"{one.code} refers to {code}, which is not registered.", NOT_THERE)
        for given in (*(grant.kinds for grant in one.grants), *(wish.kinds for wish in one.subscriptions)):
            check_kinds(given)
        for signer in one.signers:
            problem = problem_of(signer)
            if problem:
                raise Failed(f"{one.code}, signers: {problem}.", "`lgsp agency signer add --help` shows the ways")
        if one.endpoint is not None:
            check_replies(one.endpoint.replies, f"/{one.code}/endpoint/replies")


def check_kinds(kinds: tuple[str, ...]) -> None:
    """Raises Failed for one that no message could be of."""
    from contracts.kinds import KINDS

    names = {kind.name for kind in KINDS.values()}
    families = {f"{name.rpartition('.')[0]}.*" for name in names if "." in name}
    for kind in kinds:
        if kind not in names | families | {"*"}:
            raise Failed(f"There is no kind {kind}.", f"there are {', '.join(sorted(names | families))} and *")
