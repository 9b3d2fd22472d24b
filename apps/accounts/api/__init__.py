"""REST of accounts: logging in, "My", the landlord's own settings; idempotent writes for all."""
