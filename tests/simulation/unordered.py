"""PostgreSQL promises no order to whoever asks for none. Here such rows, and ties, come by their keys.

The order they really come in changes with a vacuum or new statistics, which go by PostgreSQL's own clock: nothing of a
seed. The second life of a seed has them the other way round, so whoever depends on it is found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql.compiler import SQLCompiler
from django.db.models.sql.constants import MULTI

execute_unordered = SQLCompiler.execute_sql


def by_key(*, is_backwards: bool) -> Callable[..., Any]:
    """Return what stands in for `SQLCompiler.execute_sql`: rows of one model come in a total order."""
    last = "-pk" if is_backwards else "pk"

    def execute_sql(compiler: Any, result_type: str = MULTI, *more: Any, **named: Any) -> Any:
        query = compiler.query
        if result_type == MULTI and not (query.combinator or query.distinct or query.group_by is not None):
            compiler.query = query.clone()
            compiler.query.order_by = (*(query.order_by or query.get_meta().ordering), last)
        return execute_unordered(compiler, result_type, *more, **named)

    return execute_sql
