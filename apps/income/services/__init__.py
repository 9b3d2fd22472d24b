"""The verbs of money: open an order, apply a payment's result, recharge, settle, keep the books."""
