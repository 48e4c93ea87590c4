"""Taking what a subscription has, for tests."""

from collections.abc import AsyncIterator

from lgsp.ports import Consignment, Subscription


async def each(subscription: Subscription, least: int = 0) -> AsyncIterator[Consignment]:
    """Consignments until the subscription ends."""
    while (consignment := await subscription.take(least)) is not None:
        yield consignment
