"""REST of alerts: the landlord's inbox, a meter's history, and what a renter is told."""
