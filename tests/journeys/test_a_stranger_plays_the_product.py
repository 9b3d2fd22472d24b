"""With demo.json and the contract alone: recharge on both platforms, switch, see nothing of another's."""

from decimal import Decimal

import pytest

from tests.journeys.system import System, bought, wait_for

pytestmark = pytest.mark.system


def test_the_story_is_played_on_both_platforms(system: System) -> None:
    system.stranger.story.play()
    assert system.books_hold() == ""


def test_a_landlord_switches_off_and_on_and_the_meter_shows_it(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(0)
    for state, relay in (("off", "open"), ("on", "closed")):
        answer = stranger.rest(
            "POST",
            f"meters/{meter['id']}/power",
            {"state": state, "reason": "the socket is being repaired"},
            token=stranger.token(),
        )
        assert answer.status == 202, answer.body
        command = answer.body["id"]
        wait_for(
            f"power {state}",
            lambda command=command: (
                stranger.rest("GET", f"commands/{command}", token=stranger.token()).body["state"] == "DONE"
            ),
            20,
        )
        assert stranger.register(meter)["relay"] == relay


def test_cash_from_the_landlord_reaches_the_meter(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(3)
    before = stranger.register(meter)
    answer = stranger.rest(
        "POST",
        f"meters/{meter['id']}/recharges",
        {"kind": "cash", "amount_yuan": "20.00", "reason": "paid at the door"},
        token=stranger.token(),
    )
    assert answer.status == 202, answer.body
    wait_for("the cash in the meter", lambda: bought(before, stranger.register(meter))[0] == 1, 20)


def test_everything_of_another_landlord_is_as_missing_as_nothing(system: System) -> None:
    stranger = system.stranger
    own, foreign = stranger.meter(0), stranger.meter(0, landlord=1)
    missing = "018f0000-0000-7000-8000-000000000000"
    for method, path, body in (
        ("GET", "meters/{}", None),
        ("GET", "meters/{}/readings", None),
        ("GET", "meters/{}/recharges", None),
        ("POST", "meters/{}/read", None),
        ("POST", "meters/{}/power", {"state": "off", "reason": "mine now"}),
        ("POST", "meters/{}/recharges", {"kind": "cash", "amount_yuan": "20.00", "reason": "x"}),
    ):
        refused = stranger.rest(method, path.format(foreign["id"]), body, token=stranger.token())
        nothing = stranger.rest(method, path.format(missing), body, token=stranger.token())
        assert refused.status == nothing.status == 404, path
        assert refused.body == nothing.body, path
    listed = stranger.rest("GET", "meters", token=stranger.token()).body
    assert own["id"] in str(listed)
    assert foreign["id"] not in str(listed)
    renter = stranger.demo["renters"][0]["token"]
    assert (
        stranger.rest(
            "POST", f"meters/{own['id']}/power", {"state": "off", "reason": "x"}, token=renter
        ).status
        == 403
    )


def test_with_the_link_cut_a_phone_brings_the_energy_and_the_link_confirms_it_once(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(0)
    stranger.wait_idle(meter)
    before = stranger.register(meter)
    stranger.bench(meter, link="down")
    try:
        order = stranger.order(meter)
        stranger.pay(order)
        wait_for("the money", lambda: stranger.state(order) in ("paid", "delivering"), 20)
        opened = stranger.rest(
            "POST", f"q/{meter['qr_token']}/phone-sessions", {"purpose": "recharge", "order": order["no"]}
        )
        assert opened.status == 201, opened.body
        frames = opened.body["frames"]
        while frames:
            answers = [{"seq": f["seq"], "hex": stranger.carry(meter, f["hex"])} for f in frames]
            said = stranger.rest("POST", f"phone-sessions/{opened.body['id']}/frames", {"answers": answers})
            assert said.status == 200, said.body
            frames = said.body["frames"]
        assert said.body["outcome"] == "pending"
        assert bought(before, stranger.register(meter)) == (1, Decimal("76.92"))
        assert stranger.state(order) == "delivering"
    finally:
        stranger.bench(meter, link="up")
    stranger.wait_until(order, "credited", 60)
    assert bought(before, stranger.register(meter)) == (1, Decimal("76.92"))
    assert system.books_hold() == ""
