"""Every route of the product; tests/routes.py lists each with who may use it."""

urlpatterns: list = []
