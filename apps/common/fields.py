"""Field helpers: a convention is one call. Every value carries its unit in the field's name."""

from typing import Any

from django.db import models


def amount_yuan_field(**kwargs: Any) -> models.DecimalField:
    """Money as people pay it: yuan, two places."""
    return models.DecimalField(max_digits=12, decimal_places=2, **kwargs)


def ledger_amount_field(**kwargs: Any) -> models.DecimalField:
    """A ledger amount, six places: price step (10⁻⁴) x energy step (10⁻²) is exactly 10⁻⁶ yuan."""
    return models.DecimalField(max_digits=20, decimal_places=6, **kwargs)


def price_field(**kwargs: Any) -> models.DecimalField:
    """A price: yuan per kWh, four places."""
    return models.DecimalField(max_digits=8, decimal_places=4, **kwargs)


def energy_field(**kwargs: Any) -> models.DecimalField:
    """Energy: kWh, two places, the register's own step."""
    return models.DecimalField(max_digits=12, decimal_places=2, **kwargs)
