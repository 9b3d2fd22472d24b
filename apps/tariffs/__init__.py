"""Prices: what a kilowatt-hour costs, and how money becomes energy."""
