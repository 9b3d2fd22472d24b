"""A payment that was put aside is credited when a person asks and the platform's fresh word agrees, once; else not."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from apps.accounts.models import AuditLine
from apps.common.errors import NotFound
from apps.common.scoping import landlord_scope
from apps.income.models import Payment, Recharge
from apps.income.services.crediting import NO_ANSWER, NotSetAside, ask_to_credit, credit_reviewed
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.states import PaymentState
from apps.income.sweeping import sweep
from apps.meters.services.commands import ReasonMissing
from tests.income.scene import Scene, in_threads, scene_of
from tests.income.told import told_of
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


@pytest.fixture
def scene(paying_street: Street, sandbox: str) -> Scene:
    return scene_of(paying_street.li, sandbox)


def _set_aside(scene: Scene) -> Payment:
    """A notify named another amount than was ordered."""
    payment = scene.order()
    with landlord_scope(scene.house.landlord.pk):
        result = told_of(payment, amount_yuan=Decimal("40.00"))
        assert apply_payment_result(account=payment.account, result=result, now=scene.now) is Applied.REVIEW
    return payment


def _ask(scene: Scene, payment: Payment, reason: str = "the console says 50.00") -> Payment:
    with landlord_scope(scene.house.landlord.pk):
        return ask_to_credit(
            payment_id=payment.pk, reason=reason, by_id=scene.house.owner.pk, now=scene.later(1)
        )


def _look(scene: Scene, payment: Payment) -> Applied:
    return credit_reviewed(landlord_id=scene.house.landlord.pk, payment_id=payment.pk, now=scene.now)


def _audited(scene: Scene, payment: Payment) -> list[tuple[str, str]]:
    with landlord_scope(scene.house.landlord.pk):
        lines = AuditLine.objects.filter(object_id=payment.pk, by=scene.house.owner).order_by("id")
        return [(line.act, line.facts["reason"]) for line in lines]


def _has_recharge(scene: Scene, payment: Payment) -> bool:
    with landlord_scope(scene.house.landlord.pk):
        return Recharge.objects.filter(payment=payment).exists()


def test_two_clicks_and_three_lookers_credit_once_with_the_reason_in_the_audit(scene: Scene) -> None:
    payment = _set_aside(scene)
    scene.pay(payment)
    _ask(scene, payment)
    _ask(scene, payment, "a second click")
    results = in_threads(3, lambda _: _look(scene, payment))
    assert sorted(applied.name for applied in results) == ["NOTHING", "NOTHING", "PAID"]
    seen: Payment = scene.seen(payment)
    assert (seen.state, seen.review_reason, seen.poll_at) == (PaymentState.PAID, "", None)
    assert seen.evidence["looked_at"] == "paid 40.00 instead of 50.00 yuan"
    assert scene.recharge(payment).amount_yuan == Decimal("50.00")
    reason = "the console says 50.00"
    assert _audited(scene, payment) == [("payment.credit_asked", reason), ("payment.credit", reason)]
    assert scene.books() == []
    with pytest.raises(NotSetAside):
        _ask(scene, payment)


def test_money_given_back_while_the_question_is_out_buys_nothing(scene: Scene) -> None:
    payment = _set_aside(scene)
    scene.pay(payment)
    _ask(scene, payment)
    scene.refund(payment)
    assert _look(scene, payment) is Applied.NOTHING
    # The answer was on its way when the refund was asked for.
    with landlord_scope(scene.house.landlord.pk):
        late = told_of(payment, transaction_id=scene.seen(payment).transaction_id)
        applied = apply_payment_result(
            account=payment.account, result=late, now=scene.now, also_from=PaymentState.REVIEW
        )
    assert applied is Applied.ALREADY_PAID
    assert not _has_recharge(scene, payment)
    assert scene.books() == []


def _ordered_more(scene: Scene, payment: Payment) -> None:
    scene.pay(payment)
    with landlord_scope(scene.house.landlord.pk):
        Payment.objects.filter(pk=payment.pk).update(amount_yuan="60.00")


def _not_paid(scene: Scene, payment: Payment) -> None:
    """The payer never confirmed."""


@pytest.mark.parametrize(
    ("plant", "answer"),
    [
        (_ordered_more, "paid 50.00 instead of 60.00 yuan"),
        (_not_paid, "the platform says that it is not paid"),
    ],
)
def test_what_does_not_agree_is_said_and_nothing_is_credited(
    scene: Scene, plant: Callable[[Scene, Payment], None], answer: str
) -> None:
    payment = _set_aside(scene)
    plant(scene, payment)
    _ask(scene, payment)
    assert _look(scene, payment) is Applied.REVIEW
    seen: Payment = scene.seen(payment)
    assert (seen.state, seen.credit_answer, seen.poll_at) == (PaymentState.REVIEW, answer, None)
    assert not _has_recharge(scene, payment)
    assert [act for act, _ in _audited(scene, payment)] == ["payment.credit_asked"]
    # She may ask again.
    assert _ask(scene, payment).credit_answer == ""


def test_a_silent_platform_is_asked_again_by_the_sweeper_and_at_last_the_page_says_so(
    scene: Scene, settings: object
) -> None:
    payment = _set_aside(scene)
    _ask(scene, payment)
    settings.SANDBOX_URL = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    # A notify that comes again meanwhile does not end the question.
    with landlord_scope(scene.house.landlord.pk):
        again = told_of(payment, amount_yuan=Decimal("40.00"))
        apply_payment_result(account=payment.account, result=again, now=scene.now)
    for _try in range(4):
        assert sweep(scene.now) == 1
        assert scene.seen(payment).credit_answer == ""
        assert sweep(scene.now) == 0
        scene.later(300)
    assert sweep(scene.now) == 1
    seen: Payment = scene.seen(payment)
    assert (seen.credit_answer, seen.poll_at) == (NO_ANSWER, None)


def test_a_reason_is_needed_and_another_landlord_finds_nothing(scene: Scene, paying_street: Street) -> None:
    payment = _set_aside(scene)
    with pytest.raises(ReasonMissing):
        _ask(scene, payment, " ")
    with pytest.raises(NotFound):
        _ask(scene_of(paying_street.wang, scene.sandbox), payment)
    assert scene.seen(payment).poll_at is None
