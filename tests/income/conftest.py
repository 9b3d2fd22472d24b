"""The street with the pretend platforms beside it, as for the tests of REST."""

from tests.api.conftest import book, outbox, paying_street, sandbox, sandbox_server, sandbox_state

__all__ = ["book", "outbox", "paying_street", "sandbox", "sandbox_server", "sandbox_state"]
