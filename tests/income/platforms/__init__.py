import tests.without_django  # noqa: F401
