"""The landlord's desk at /admin/ and the operator's at /ops/, both on django-unfold."""
