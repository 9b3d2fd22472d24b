"""Orders, payments, recharges and the ledger."""
