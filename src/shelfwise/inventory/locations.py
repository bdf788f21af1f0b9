"""Locations that every tenant has beside its own: where stock comes from and goes to."""

SUPPLIER, CUSTOMER, LOSS, OPENING, TRANSIT = "supplier", "customer", "loss", "opening", "transit"
VIRTUAL_LOCATIONS = (SUPPLIER, CUSTOMER, LOSS, OPENING, TRANSIT)
#: Kinds of locations that hold stock.
STOCKING_KINDS = ("stock", TRANSIT)
