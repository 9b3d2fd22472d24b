"""How an owned row hangs on a site: what a scope that is limited to some sites asks of each table.

Every owned model says so itself (`reach`); `walls.py` refuses one that does not. The condition is built of nested
questions about ids and joins nothing, so that it can stand in an UPDATE, a DELETE and under a lock alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.apps import apps

Asked = tuple[str, list[Any]]


class Reach(Protocol):
    """One way of hanging on a site."""

    def condition(self, model: Any, alias: str, site_ids: Sequence[UUID]) -> Asked:
        """Return SQL, true for the rows of `model` that belong to these sites, and its parameters."""

    def outside(self, model: Any, rows: Sequence[Any]) -> bool:
        """Say whether one of these new rows hangs on something that the open scope does not show."""


@dataclass(frozen=True)
class Itself:
    """The row is the site. Who sees some sites makes no new one."""

    def condition(self, model: Any, alias: str, site_ids: Sequence[UUID]) -> Asked:
        return f"{alias}.{_quoted(model._meta.pk.column)} = ANY(%s)", [list(site_ids)]

    def outside(self, model: Any, rows: Sequence[Any]) -> bool:
        return True


@dataclass(frozen=True)
class Through:
    """The row belongs where its parent does; a row without one is of no site."""

    parent: str

    def condition(self, model: Any, alias: str, site_ids: Sequence[UUID]) -> Asked:
        field = model._meta.get_field(self.parent)
        asked, params = ids_of(field.remote_field.model, site_ids)
        return f"{alias}.{_quoted(field.column)} IN ({asked})", params

    def outside(self, model: Any, rows: Sequence[Any]) -> bool:
        field = model._meta.get_field(self.parent)
        named = {getattr(row, field.attname) for row in rows}
        return field.remote_field.model.objects.filter(pk__in=named).count() != len(named)


@dataclass(frozen=True)
class OfTheLandlord:
    """The row is the landlord's as a whole, and the services of every member need it; its pages ask for an act that
    only who sees all sites may do.
    """

    def condition(self, model: Any, alias: str, site_ids: Sequence[UUID]) -> Asked:
        return "TRUE", []

    def outside(self, model: Any, rows: Sequence[Any]) -> bool:
        return False


@dataclass(frozen=True)
class OverAllSites:
    """The row sums up or lists what all sites did, so that who sees some of them sees none of it."""

    def condition(self, model: Any, alias: str, site_ids: Sequence[UUID]) -> Asked:
        return "FALSE", []

    def outside(self, model: Any, rows: Sequence[Any]) -> bool:
        return True


@dataclass(frozen=True)
class Named:
    """The row names what it is about in a text, by kind and id; about what is not of these sites it says nothing.

    :param kind: SQL of the kind, `{row}` being the row. :param id_text: SQL of the id, as text.
    :param kinds: kind → label of the model; empty for the class name of any model that hangs on a site.
    """

    kind: str
    id_text: str
    kinds: tuple[tuple[str, str], ...] = ()

    def condition(self, model: Any, alias: str, site_ids: Sequence[UUID]) -> Asked:
        kind, id_text = self.kind.format(row=alias), self.id_text.format(row=alias)
        parts: list[str] = []
        params: list[Any] = []
        for name, about in self._about():
            asked, more = ids_of(about, site_ids, as_text=True)
            parts.append(f"({kind} = %s AND {id_text} IN ({asked}))")
            params += [name, *more]
        return f"({' OR '.join(parts)})", params

    def outside(self, model: Any, rows: Sequence[Any]) -> bool:
        return False

    def _about(self) -> list[tuple[str, Any]]:
        if self.kinds:
            return [(kind, apps.get_model(label)) for kind, label in self.kinds]
        hung = (Itself, Through)
        return [(m.__name__, m) for m in apps.get_models() if isinstance(getattr(m, "reach", None), hung)]


def ids_of(model: Any, site_ids: Sequence[UUID], *, as_text: bool = False) -> Asked:
    """Return the question for the ids of all rows of `model` that belong to these sites."""
    alias = _quoted(f"at_{model._meta.model_name}")
    condition, params = model.reach.condition(model, alias, site_ids)
    key = f"{alias}.{_quoted(model._meta.pk.column)}" + ("::text" if as_text else "")
    # Names of our own tables and columns; what comes from outside is a parameter.
    asked = f"SELECT {key} FROM {_quoted(model._meta.db_table)} {alias} WHERE {condition}"  # noqa: S608
    return asked, params


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
