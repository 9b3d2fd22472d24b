"""The page behind the QR code on a meter: for a renter with a phone, with or without JavaScript."""
