"""Which adapters there are. The key is what an endpoint in the directory names (`Endpoint.adapter`)."""

from collections.abc import Callable, Mapping

from adapters.webhook.delivery import WebhookDelivery
from contracts.adapter import DeliveryAdapter

REGISTRY: Mapping[str, Callable[[], DeliveryAdapter]] = {
    "webhook": WebhookDelivery,
}
