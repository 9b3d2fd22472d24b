"""The bounded tray: what goes first when it is full."""

from meter_gateway.tray import BATCH_LIMIT, Kind, Tray


def test_batches_hold_one_kind_in_order_and_urgent_kinds_go_first():
    tray = Tray()
    tray.put(Kind.PUSH, {"n": 1})
    tray.put(Kind.ANSWER, {"n": 2})
    tray.put(Kind.LOGIN, {"n": 3})
    tray.put(Kind.ANSWER, {"n": 4})
    assert tray.take() == (Kind.LOGIN, [{"n": 3}])
    assert tray.take() == (Kind.ANSWER, [{"n": 2}, {"n": 4}])
    assert tray.take() == (Kind.PUSH, [{"n": 1}])
    assert tray.take() is None


def test_a_batch_is_never_larger_than_agreed():
    tray = Tray()
    for number in range(BATCH_LIMIT + 1):
        tray.put(Kind.PUSH, {"n": number})
    assert [len(batch[1]) for batch in iter(tray.take, None)] == [BATCH_LIMIT, 1]


def test_a_full_tray_drops_the_oldest_pushes_and_keeps_answers_and_logins():
    tray = Tray(limit=4)
    tray.put(Kind.ANSWER, {"n": 1})
    for number in range(2, 6):
        tray.put(Kind.PUSH, {"n": number})
    tray.put(Kind.LOGIN, {"n": 6})
    assert tray.take() == (Kind.LOGIN, [{"n": 6}])
    assert tray.take() == (Kind.ANSWER, [{"n": 1}])
    assert tray.take() == (Kind.PUSH, [{"n": 4}, {"n": 5}])
    assert tray.dropped[Kind.PUSH] == 2


def test_a_tray_full_of_answers_drops_the_oldest_answer_and_stays_bounded():
    tray = Tray(limit=3)
    for number in range(10):
        tray.put(Kind.ANSWER, {"n": number})
    assert tray.take() == (Kind.ANSWER, [{"n": 7}, {"n": 8}, {"n": 9}])
    assert tray.dropped[Kind.ANSWER] == 7


def test_only_the_newest_hello_waits():
    tray = Tray()
    tray.put(Kind.HELLO, {"n": 1})
    tray.put(Kind.HELLO, {"n": 2})
    assert tray.take() == (Kind.HELLO, [{"n": 2}])
    assert tray.take() is None
