"""The street with the pretend platforms beside it, as for the tests of REST."""

from tests.api.conftest import outbox, paying_street, sandbox

__all__ = ["outbox", "paying_street", "sandbox"]
