"""Landlord scope: enter it, demand it, leave it for a stated reason.

The first of the two walls between landlords. The second is PostgreSQL's row-level security (`walls.py`).
A scope is a transaction plus one statement that tells the database whose rows may be seen; both walls read
the same scope, and each is tested with the other one taken away.

    no scope            every query of an owned model raises; the database shows zero rows
    landlord_scope(id)  this landlord's rows, in both walls
      with site_ids     of these only what hangs on the named sites, in the first wall (`reach.py`)
    everything("why")   all rows; only in the modules that tests/test_scoping.py lists with their reasons

A scope may repeat itself or narrow `everything`; it never changes landlord or sites and never widens.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.core.exceptions import FullResultSet
from django.db import connection, models, transaction
from django.db.models.expressions import Expression, F

from apps.common.ids import uuid7
from apps.common.reach import Reach


class ScopeError(RuntimeError):
    """An owned row was asked for outside a scope, or across landlords."""


@dataclass(frozen=True)
class Scope:
    """Whose rows may be seen: one landlord's, or (landlord_id None) everybody's for the reason `why`.

    `site_ids` None is all sites of the landlord.
    """

    landlord_id: UUID | None
    why: str
    site_ids: tuple[UUID, ...] | None = None


_current: ContextVar[Scope | None] = ContextVar("landlord_scope", default=None)


def current() -> Scope | None:
    """Return the scope that is open here, or None."""
    return _current.get()


def current_landlord_id() -> UUID:
    """Return the landlord of the open scope; the default of every owned row's `landlord`.

    :raises ScopeError: outside a landlord's scope, also inside `everything`, where an owner must be named.
    """
    scope = current()
    if scope is None or scope.landlord_id is None:
        raise ScopeError("An owned row needs a landlord: open landlord_scope() or name the landlord.")
    return scope.landlord_id


@contextmanager
def landlord_scope(landlord_id: UUID, site_ids: Sequence[UUID] | None = None) -> Iterator[None]:
    """Open a transaction in which exactly this landlord's rows exist, and of them only what hangs on these sites.

    Within a scope that is limited to sites it stays as limited.

    :param site_ids: None for all her sites.
    :raises ScopeError: if a scope of another landlord or of other sites is open, or landlord_id is None.
    """
    if landlord_id is None:
        raise ScopeError("landlord_scope() needs a landlord; whole-platform work says everything('why').")
    outer = current()
    if outer is not None and outer.landlord_id not in (None, landlord_id):
        raise ScopeError("A scope may not change landlord.")
    sites = None if site_ids is None else tuple(site_ids)
    if outer is not None and outer.site_ids is not None:
        if sites not in (None, outer.site_ids):
            raise ScopeError("A scope may not change sites.")
        sites = outer.site_ids
    with _entered(Scope(landlord_id, "", sites)):
        yield


@contextmanager
def opened_again(scope: Scope) -> Iterator[None]:
    """Open a landlord's scope as it was, limits and all: for what is written after the request has left its own.

    :raises ScopeError: for a scope that was nobody's in particular.
    """
    if scope.landlord_id is None:
        raise ScopeError("Only a landlord's scope is opened again.")
    with landlord_scope(scope.landlord_id, scope.site_ids):
        yield


def current_landlords_scope() -> Scope:
    """Return the open scope of a landlord. :raises ScopeError: outside one."""
    current_landlord_id()
    scope = current()
    assert scope is not None
    return scope


def sees_all_sites() -> bool:
    """Say whether the open scope shows all sites of whose it is."""
    scope = current()
    return scope is None or scope.site_ids is None


@contextmanager
def everything(why: str) -> Iterator[None]:
    """Open a transaction in which all rows exist, for the reason `why`.

    :raises ScopeError: inside a landlord's scope, which may not widen; or without a reason.
    """
    if not why:
        raise ScopeError("everything() needs a reason.")
    outer = current()
    if outer is not None and outer.landlord_id is not None:
        raise ScopeError("A landlord's scope may not widen to everything.")
    with _entered(Scope(None, why)):
        yield


@contextmanager
def _entered(scope: Scope) -> Iterator[None]:
    outer = current()
    was_in_atomic = connection.in_atomic_block
    token = _current.set(scope)
    try:
        with transaction.atomic():
            _stamp(scope)
            yield
    finally:
        _current.reset(token)
        # Releasing a savepoint keeps a local setting alive until the outer transaction ends.
        if was_in_atomic and not connection.needs_rollback and connection.in_atomic_block:
            _stamp(outer)


def _stamp(scope: Scope | None) -> None:
    if scope is None:
        values = ("", "none")
    elif scope.landlord_id is None:
        values = ("", "rm_everything")
    else:
        values = (str(scope.landlord_id), "none")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.landlord_id', %s, true), set_config('role', %s, true)", values)


class InScope(Expression):
    """The condition "belongs to the landlord of the open scope", decided when a query is compiled.

    A manager that decided when the query is *written* would break every class-level queryset at import, and
    would let a queryset made in one landlord's scope run in another's.
    """

    conditional = True

    def __init__(self) -> None:
        super().__init__(output_field=models.BooleanField())
        self.source: Any = F("landlord_id")

    def get_source_expressions(self) -> list[Any]:
        return [self.source]

    def set_source_expressions(self, exprs: Any) -> None:
        [self.source] = exprs

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        scope = current()
        if scope is None:
            raise ScopeError("An owned model was queried outside any scope.")
        if scope.landlord_id is None:
            raise FullResultSet
        sql, params = compiler.compile(self.source)
        mine = f"{sql} = %s", [*params, scope.landlord_id]
        if scope.site_ids is None:
            return mine
        model, alias = self.source.target.model, compiler.quote_name_unless_alias(self.source.alias)
        reached, more = model.reach.condition(model, alias, scope.site_ids)
        return f"({mine[0]} AND {reached})", [*mine[1], *more]


class ScopedQuerySet(models.QuerySet):
    """A queryset whose rows all belong to the open scope, also those it inserts."""

    def _insert(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        scope = current()
        if scope is None:
            raise ScopeError(f"{self.model.__name__} was saved outside any scope.")
        if scope.landlord_id is not None and any(o.landlord_id != scope.landlord_id for o in objs):
            raise ScopeError(f"{self.model.__name__} of another landlord was saved.")
        owned: Any = self.model
        if scope.site_ids is not None and owned.reach.outside(owned, objs):
            raise ScopeError(f"{self.model.__name__} of a site that this scope does not show was saved.")
        return super()._insert(objs, *args, **kwargs)  # type: ignore[misc]


class ScopedManager(models.Manager.from_queryset(ScopedQuerySet)):  # type: ignore[misc]
    """The only manager of an owned model; also its base manager, so that related rows obey it."""

    def get_queryset(self) -> Any:
        # Every question begins with this one condition, so it is put together once for each model. Nothing of a scope
        # is in it: whose rows are meant is decided when a query is compiled.
        asked = self.__dict__.get("_asked")
        if asked is None or asked.model is not self.model:
            asked = self._asked = super().get_queryset().filter(InScope())
        question = asked.all()
        question._db, question._hints = self._db, self._hints
        return question


class ScopedModel(models.Model):
    """A row owned by one landlord. `walls.py` adds the second wall and the composite keys to its table.

    `reach` says how it hangs on a site.
    """

    partitioned_by: ClassVar[str] = ""
    reach: ClassVar[Reach]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    landlord = models.ForeignKey(
        "accounts.Landlord",
        on_delete=models.PROTECT,
        default=current_landlord_id,
        editable=False,
        related_name="+",
        db_index=False,
    )
    if TYPE_CHECKING:
        landlord_id: UUID

    objects = ScopedManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


def own_scopes(view: Any) -> Any:
    """Mark a view, view class, or method or action of one, that opens short scopes of its own.

    The middleware then opens nothing around it: it calls a platform, or finds its landlord through a door.
    """
    view.opens_own_scopes = True
    return view
