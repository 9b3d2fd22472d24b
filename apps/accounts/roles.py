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
    SEE_BILLS = "see_bills"
    ARRANGE = "arrange"
    ARRANGE_SITES = "arrange_sites"
    RESET = "reset"
    GOVERN = "govern"


_ALLOWED: dict[Role, frozenset[Act]] = {
    Role.OWNER: frozenset(Act),
    Role.MANAGER: frozenset(Act) - {Act.GOVERN, Act.RESET},
    Role.COLLECTOR: frozenset({Act.VIEW, Act.READ_METER, Act.RECHARGE, Act.SEE_INCOME, Act.SEE_BILLS}),
    Role.VIEWER: frozenset({Act.VIEW}),
}


# What is about all sites together: bills and transfers add them up, and a site's name must differ from every other's.
OVER_ALL_SITES = frozenset({Act.SEE_BILLS, Act.ARRANGE_SITES, Act.GOVERN})


def may(role: str, act: Act, *, sees_all_sites: bool = True) -> bool:
    """Say whether a member of this role may do this; one who sees some sites only, nothing that is about all."""
    return act in _ALLOWED[Role(role)] and (sees_all_sites or act not in OVER_ALL_SITES)
