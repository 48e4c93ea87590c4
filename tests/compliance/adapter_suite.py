"""One suite for every adapter of a connected system, by the roles it has: a test module names its kits and subclasses.

- `DeliverySuite`: the hub pushes a parcel out (contracts/adapter.py); `CarryingSuite`: with its files
- `FacadeSuite`: they call us as the bus they know (contracts/facade.py)
- `CollectorSuite`: the hub polls them (contracts/feed.py)

A kit is a few lines: how the adapter is made, which fake it talks to, and how a message looks on either side. What goes wrong is
the suite's own: it stands on the wire between the adapter and the fake (`tests.compliance.wire`).
"""

from tests.compliance.collector_suite import CollectorKit, CollectorSuite
from tests.compliance.delivery_suite import CarryingKit, CarryingSuite, DeliveryKit, DeliverySuite, Held, MemoryFiles
from tests.compliance.facade_suite import FacadeKit, FacadeSuite, Said

__all__ = [
    "CarryingKit",
    "CarryingSuite",
    "CollectorKit",
    "CollectorSuite",
    "DeliveryKit",
    "DeliverySuite",
    "FacadeKit",
    "FacadeSuite",
    "Held",
    "MemoryFiles",
    "Said",
]
