"""Role x act → allowed: one pure table, read by the REST permissions, the desk and the tests."""

from enum import StrEnum


class Role(StrEnum):
    OWNER = "OWNER"
    MANAGER = "MANAGER"
    COLLECTOR = "COLLECTOR"
    VIEWER = "VIEWER"


class Act(StrEnum):
    """What a member may be allowed to do, in the words of the desk."""

    VIEW = "view"
    READ_METER = "read_meter"
    SWITCH = "switch"
    RECHARGE = "recharge"
    SEE_INCOME = "see_income"
    ARRANGE = "arrange"
    RESET = "reset"
    GOVERN = "govern"


_ALLOWED: dict[Role, frozenset[Act]] = {
    Role.OWNER: frozenset(Act),
    Role.MANAGER: frozenset(Act) - {Act.GOVERN, Act.RESET},
    Role.COLLECTOR: frozenset({Act.VIEW, Act.READ_METER, Act.RECHARGE, Act.SEE_INCOME}),
    Role.VIEWER: frozenset({Act.VIEW}),
}


def may(role: str, act: Act) -> bool:
    """Say whether a member of this role may do this."""
    return act in _ALLOWED[Role(role)]
