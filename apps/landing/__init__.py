"""The page behind the QR code: balance, price, pay, and the light."""
