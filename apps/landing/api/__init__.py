"""REST that joins several apps: the landlord's meters and money, the renter's QR code and orders."""
