"""What stands in a QR code is every meter's own, and says nothing of the next one."""

from apps.common.ids import secret_token


def test_ten_thousand_qr_codes_are_all_different_and_none_leads_to_another() -> None:
    tokens = [secret_token(128) for _ in range(10_000)]
    assert len(set(tokens)) == len(tokens)
    assert {len(token) for token in tokens} == {22}, "128 bits, six a sign"
    # Counting numbers or a clock would begin alike: of 10,000 draws by chance no two share half of their signs.
    assert len({token[:11] for token in tokens}) == len(tokens)
    assert sorted(tokens) != tokens
