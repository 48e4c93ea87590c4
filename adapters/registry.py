"""Which adapters there are, by their three roles. The key is what an endpoint, a feed in the directory or the setting `facades`
names."""

from collections.abc import Callable, Mapping

from adapters.edoc_soap.collector import EdocCollector
from adapters.edoc_soap.collector import check_feed as check_edoc_feed
from adapters.edoc_soap.delivery import EdocDelivery
from adapters.edoc_soap.delivery import check_endpoint as check_edoc_endpoint
from adapters.edoc_soap.facade import EdocFacade
from adapters.edxml_bus.collector import BusCollector
from adapters.edxml_bus.collector import check_feed as check_bus_feed
from adapters.edxml_bus.delivery import BusDelivery
from adapters.edxml_bus.delivery import check_endpoint as check_bus_endpoint
from adapters.edxml_bus.national import NationalBus
from adapters.edxml_bus.provincial import ProvincialBus
from adapters.soap.delivery import SoapDelivery
from adapters.soap.registration import check_endpoint
from adapters.vnpost.collector import VnpostTracking
from adapters.vnpost.collector import check_feed as check_post_feed
from adapters.vnpost.delivery import VnpostDelivery
from adapters.vnpost.delivery import check_endpoint as check_post_endpoint
from adapters.vnpost.facade import NGSP, WRAPPER, PostalFacade
from adapters.webhook.delivery import WebhookDelivery
from contracts.adapter import DeliveryAdapter, Endpoint, Files
from contracts.facade import Facade
from contracts.feed import Collector, Feed

# They are pushed to: `Endpoint.adapter`.
REGISTRY: Mapping[str, Callable[[Files], DeliveryAdapter]] = {
    "edoc_soap": EdocDelivery,
    "edxml_bus": BusDelivery,
    "soap": SoapDelivery,
    "vnpost": lambda _files: VnpostDelivery(),
    "webhook": lambda _files: WebhookDelivery(),
}

# What can be said of an endpoint before anything is sent to it. Raises ValueError, in words for whoever registers it.
CHECKS: Mapping[str, Callable[[Endpoint], None]] = {
    "edoc_soap": check_edoc_endpoint,
    "edxml_bus": check_bus_endpoint,
    "soap": check_endpoint,
    "vnpost": check_post_endpoint,
}

# They call us as the bus that they know: the setting `facades`.
FACADES: Mapping[str, Callable[[], Facade]] = {
    "edoc": EdocFacade,
    NGSP.name: lambda: PostalFacade(NGSP),
    WRAPPER.name: lambda: PostalFacade(WRAPPER),
    "vxp": NationalBus,
    "lgsp": ProvincialBus,
}

# We poll them: `Feed.adapter`.
COLLECTORS: Mapping[str, Callable[[], Collector]] = {
    "edoc_soap": EdocCollector,
    "edxml_bus": BusCollector,
    "vnpost": VnpostTracking,
}

# The same of a feed, before anything is asked of it.
FEED_CHECKS: Mapping[str, Callable[[Feed], None]] = {
    "edoc_soap": check_edoc_feed,
    "edxml_bus": check_bus_feed,
    "vnpost": check_post_feed,
}
