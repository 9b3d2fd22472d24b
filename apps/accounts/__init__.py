"""Landlords, their members, renters, doors and the audit."""
