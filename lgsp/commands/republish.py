"""`lgsp republish`: after RabbitMQ lost its queues, what it had is published again from the journal."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lgsp.commands.agency import in_store
from lgsp.commands.common import json_option, print_json, say, with_settings

if TYPE_CHECKING:
    from lgsp.settings import Settings


@click.command(short_help="Đẩy lại hàng đợi · RabbitMQ lost its queues: publish again.")
@json_option
@with_settings
def republish(settings: "Settings", as_json: bool) -> None:
    """Đẩy lại hàng đợi · Let the workers publish everything again that RabbitMQ is thought to have.

    For when its queues were lost, emptied or deleted, or the journal was restored from a backup. Harmless at any other time: what
    is still in a queue is recognised as a second copy.
    """
    count = in_store(settings, lambda store: store.requeue_all(datetime.now(UTC)))
    if as_json:
        print_json({"deliveries": count})
    else:
        say(f"{count} lượt giao sẽ được đẩy lại · deliveries will be published again within seconds.", "green")
