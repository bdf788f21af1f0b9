"""The simulated suppliers of the sample. The data set names none; every name says that it is simulated."""

from decimal import Decimal

from shelfwise.sample.models import SampleSupplier

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = range(5)

SUPPLIERS = (
    SampleSupplier(
        "SUP-01",
        "Northgate Homewares (simulated)",
        ((2, 0.25), (3, 0.5), (4, 0.25)),
        (MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY),
        Decimal("60.00"),
    ),
    SampleSupplier(
        "SUP-02",
        "Calder Paper & Print (simulated)",
        ((4, 0.3), (5, 0.4), (6, 0.3)),
        (MONDAY, WEDNESDAY, FRIDAY),
        Decimal("50.00"),
    ),
    SampleSupplier(
        "SUP-03",
        "Brightwick Candles (simulated)",
        ((5, 0.2), (7, 0.5), (8, 0.2), (10, 0.1)),
        (TUESDAY, THURSDAY),
        Decimal("75.00"),
    ),
    SampleSupplier(
        "SUP-04",
        "Meadow & Fern Giftware (simulated)",
        ((6, 0.4), (7, 0.3), (9, 0.3)),
        (MONDAY, THURSDAY),
        Decimal("75.00"),
    ),
    SampleSupplier(
        "SUP-05",
        "Ostend Trading (simulated)",
        ((7, 0.2), (8, 0.2), (9, 0.2), (10, 0.2), (13, 0.1), (16, 0.1)),
        (TUESDAY, FRIDAY),
        Decimal("100.00"),
    ),
    SampleSupplier(
        "SUP-06",
        "Harbour Toys (simulated)",
        ((12, 0.25), (13, 0.2), (14, 0.3), (16, 0.1), (19, 0.15)),
        (WEDNESDAY,),
        Decimal("150.00"),
    ),
    SampleSupplier(
        "SUP-07",
        "Golden Lotus Imports (simulated)",
        ((15, 0.2), (16, 0.2), (18, 0.3), (20, 0.15), (24, 0.15)),
        (TUESDAY,),
        Decimal("200.00"),
    ),
    SampleSupplier(
        "SUP-08",
        "Far Shore Ceramics (simulated)",
        ((18, 0.3), (19, 0.1), (20, 0.15), (21, 0.15), (24, 0.15), (28, 0.15)),
        (MONDAY, THURSDAY),
        Decimal("200.00"),
    ),
)
