"""Devices, where they hang, who lives behind them, and everything we ever asked of them."""
