"""Where the payment platforms knock."""
