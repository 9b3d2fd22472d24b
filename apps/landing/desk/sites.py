"""The two desks. A member's role or being an operator opens them; Django's staff and superuser flags open nothing."""

from apps.landing.desk import (
    accounts,
    bills,
    leases,
    machines,
    meters,
    operator_accounts,
    operators,
    payments,
    places,
    records,
    settlements,
    stock,
)
from apps.landing.desk.landlord_site import LandlordSite
from apps.landing.desk.operator_site import OperatorSite

landlord_site = LandlordSite("admin")
operator_site = OperatorSite("ops")

for page in (meters, leases, records, payments, places, accounts, settlements, bills):
    page.register(landlord_site)
for page in (machines, operators, stock, operator_accounts, bills):
    page.register(operator_site)
