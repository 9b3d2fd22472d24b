"""The second wall: row-level security and composite keys, on every owned table and forgotten on none.

`CommonConfig.ready()` adds three kinds of constraint to each subclass of `ScopedModel`. They live in
`Meta.constraints`, so `makemigrations --check` is the guard: an owned model without its wall is a missing
migration. The pattern and its traps were measured before it was chosen (DECISIONS 2).
"""

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db import models
from django.db.models.constraints import BaseConstraint

from apps.common.scoping import ScopedModel

# Tables without an owner, each with its reason. A project model that is neither owned nor here is refused.
UNOWNED = {
    "accounts.Landlord": "is the owner",
    "accounts.User": "a login works for several landlords and rents from others",
    "accounts.Member": "login x landlord: read to find out which scope to open",
    "accounts.Renter": "one renter, many landlords",
    "accounts.PayerIdentity": "a payer's openid belongs to the payer",
    "accounts.AccessToken": "looked up before any scope exists",
    "accounts.PhoneCode": "sent before anybody is known",
    "accounts.PhoneChange": "a login's own, whoever it works for",
    "accounts.Tries": "counted before anybody is known",
    "accounts.Door": "what a token, a serial or an order number opens",
    "meters.StockedMeter": "the operator's stock: serials are unique across landlords",
    "meters.StockEvent": "who did what to a device that has no landlord yet",
    "meters.Presence": "which gateway holds a meter's socket: bytes, no landlord's facts",
    "income.ProofRun": "the platform's nightly comparison: sums over all landlords, nobody's facts",
    "meters.Gateway": "the platform's own machines",
}


class LandlordWall(BaseConstraint):
    """ENABLE and FORCE row-level security with the two policies of the house."""

    def __init__(self, *, name: str) -> None:
        super().__init__(name=name)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        mine = "landlord_id = nullif(current_setting('app.landlord_id', true), '')::uuid"
        return (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"
            f"CREATE POLICY landlord ON {table} USING ({mine}) WITH CHECK ({mine});"
            f"CREATE POLICY everything ON {table} TO rm_everything USING (true) WITH CHECK (true)"
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        return (
            f"DROP POLICY everything ON {table}; DROP POLICY landlord ON {table};"
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
        )

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """The database judges; there is nothing to ask beforehand."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LandlordWall) and self.name == other.name

    __hash__ = None  # type: ignore[assignment]


class SameLandlord(BaseConstraint):
    """FOREIGN KEY (landlord_id, x_id) → parent (landlord_id, id): a child cannot hang on a stranger's row.

    Referential checks bypass row-level security, so a plain key would accept a foreign parent.
    """

    def __init__(self, *, field: str, name: str) -> None:
        super().__init__(name=name)
        self.field = field

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        schema_editor.deferred_sql.append(self.statements(model, schema_editor))

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        # Put off to the end of the migration: the parent's (landlord_id, id) key may be made after its child.
        schema_editor.deferred_sql.append(self.statements(model, schema_editor))

    def statements(self, model: Any, schema_editor: Any) -> str:
        field = model._meta.get_field(self.field)
        quote = schema_editor.quote_name
        child, parent = quote(model._meta.db_table), quote(field.remote_field.model._meta.db_table)
        # Under FORCE the owner sees no rows, and ADD FOREIGN KEY would accept violating data unseen.
        tables = sorted({child, parent})
        unforce = "".join(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;" for table in tables)
        force = "".join(f";ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in tables)
        return (
            f"{unforce}ALTER TABLE {child} ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY (landlord_id, {quote(field.column)}) REFERENCES {parent} (landlord_id, id) "
            f"DEFERRABLE INITIALLY IMMEDIATE{force}"
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """The database judges; there is nothing to ask beforehand."""

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "field": self.field}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameLandlord) and (self.name, self.field) == (other.name, other.field)

    __hash__ = None  # type: ignore[assignment]


def owned_models() -> list[type[ScopedModel]]:
    return [m for m in apps.get_models() if issubclass(m, ScopedModel)]


def raise_walls() -> None:
    """Add the walls to every owned model; called once, when all models are known."""
    for model in owned_models():
        meta: Any = model._meta
        label = f"{meta.app_label}_{meta.model_name}"
        # A key of a partitioned table must hold what it is partitioned by; nothing can hang on such a row then.
        partition = [model.partitioned_by] if model.partitioned_by else []
        added: list[BaseConstraint] = [
            models.UniqueConstraint(fields=["landlord", "id", *partition], name=f"{label}_key"),
            LandlordWall(name=f"{label}_wall"),
        ]
        for field in meta.concrete_fields:
            parent = field.remote_field.model if field.remote_field else None
            if parent is not None and issubclass(parent, ScopedModel):
                field.db_constraint = False
                field.remote_field.db_constraint = (
                    False if hasattr(field.remote_field, "db_constraint") else None
                )
                added.append(SameLandlord(field=field.name, name=f"{label}_{field.name}_same_landlord"))
        constraints = [*meta.constraints, *added]
        meta.constraints = constraints
        meta.original_attrs["constraints"] = constraints


def check_every_model_is_owned_or_listed(**_: Any) -> list[CheckMessage]:
    """Refuse a project model that is neither owned by a landlord nor listed in UNOWNED with a reason."""
    problems: list[CheckMessage] = []
    for model in apps.get_models():
        if not model.__module__.startswith("apps."):
            continue
        label = model._meta.label
        if issubclass(model, ScopedModel) == (label in UNOWNED):
            problems.append(
                Error(
                    f"{label} must either be a ScopedModel or stand in UNOWNED with its reason, not both.",
                    obj=model,
                    id="rentmeter.E001",
                )
            )
        elif label not in UNOWNED and not hasattr(model, "reach"):
            problems.append(
                Error(f"{label} does not say how it hangs on a site.", obj=model, id="rentmeter.E003")
            )
    known = {m._meta.label for m in apps.get_models()}
    problems += [
        Error(f"UNOWNED names {label}, which does not exist.", id="rentmeter.E002")
        for label in UNOWNED
        if label not in known
    ]
    return problems
