"""`lgsp recall`: a sender takes back what has not arrived."""

from urllib.parse import quote

import click

from lgsp.commands.client import Profile, client_options, open_client
from lgsp.commands.common import Failed, json_option, print_json, print_table, run

_OUTCOMES = {
    "cancelled": "đã hủy trước khi đến nơi · cancelled before it arrived",
    "requested": "đang trên đường giao; hủy nếu lần giao này không thành · being handed over; cancelled if that fails",
    "delivered": "đã giao; văn bản thì gửi yêu cầu thu hồi · delivered; a document is asked back with a recall packet",
    "ended": "đã kết thúc trước đó · it had ended before",
}


@click.command(short_help="Thu hồi · Take back what has not arrived.")
@json_option
@click.argument("message_id")
@click.option("--reason", required=True, help="Why, for the recipients and the auditor.")
@click.option("--recipient", "recipients", multiple=True, metavar="CODE", help="Only from this one; once for each.")
@client_options
def recall(profile: Profile, as_json: bool, message_id: str, reason: str, recipients: tuple[str, ...]) -> None:
    """Thu hồi · Take back an envelope that the agency sent, wherever it has not arrived yet.

    \b
      lgsp recall hs-20261118-0000042-1 --as H01.101 --reason "gửi nhầm nơi nhận"
    """
    answer = run(_recall(profile, message_id, reason, recipients))
    if as_json:
        print_json(answer)
        return
    rows = [(one["recipient"], one["delivery_id"], _OUTCOMES[one["outcome"]]) for one in answer["results"]]
    print_table(message_id, ("Nơi nhận · Recipient", "Id", "Kết quả · Outcome"), rows)


async def _recall(profile: Profile, message_id: str, reason: str, recipients: tuple[str, ...]) -> dict[str, list[dict[str, str]]]:
    if profile.agency is None:
        raise Failed("Whose envelope? The client id does not say which agency it is.", "add --sender CODE, or set LGSP_SENDER")
    async with open_client(profile) as hub:
        path = f"/v1/envelopes/{quote(profile.agency, safe='')}/{quote(message_id, safe='')}/recall"
        answer: dict[str, list[dict[str, str]]] = await hub.post(path, {"reason": reason, "recipients": recipients})
        return answer
