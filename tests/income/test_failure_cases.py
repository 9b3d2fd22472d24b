"""The catalogue of what goes wrong with payments has fifty-five cases, and every one has its test."""

import ast
import json
import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
ALL = set(range(1, 56))

# What was measured to be wrong in the two payment libraries, and the test that would fail without our wrapper.
FAULTS = {
    "wechat: no replay window": "test_f03_a_timestamp_outside_five_minutes_is_refused",
    "wechat: an unknown serial calls out": "test_f04_an_unknown_serial_is_refused_and_nobody_is_called",
    "wechat: the same in an answer": "test_f04_an_answer_with_an_unknown_serial_fetches_no_certificates",
    "wechat: a missing header raises": "test_f08_a_missing_header_is_refused",
    "wechat: no signature type raises": "test_f08_an_absent_signature_type_means_the_only_one_and_another_is_refused",
    "wechat: one key at a time": "test_f05_two_keys_are_believed_at_once_while_the_platform_changes_them",
    "wechat: a PKCS#1 key does not load": "test_a_key_is_read_with_and_without_pem_lines_and_in_both_standards",
    "wechat: a refusal is unverified text": "test_a_refusal_of_wechat_is_typed_and_a_crowded_platform_is_not_a_refusal",
    "alipay: 40004 comes back as an answer": "test_f47_a_business_failure_inside_http_200_is_a_refusal",
    "alipay: braces in a value lose it": "test_f48_a_brace_pair_inside_a_value_does_not_lose_the_answer",
    "alipay: GBK": "test_f49_a_message_in_gbk_is_read_and_verified",
    "alipay: the process's own time zone": "test_f50_alipay_is_told_beijing_time_and_all_that_its_bridge_needs",
    "alipay: CRLF in the root bundle": "test_f51_line_ends_and_spacing_do_not_change_a_root_bundles_serial",
    "alipay: a changed certificate": "test_a_newer_platform_certificate_is_named",
    "alipay: the gateway's messages": "test_alipays_notifies_verify_or_fail_as_in_its_own_sdk",
}

# WeChat Pay's API v2, of which nothing is spoken here: no payment, no refund, no notify.
OF_API_V2 = {"wechat_v2_sign", "aes_256_ecb_pkcs7_encrypt"}


def _tests() -> set[str]:
    names: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return names


def numbers(names: set[str]) -> dict[int, set[str]]:
    """Which tests stand for which case: `test_f07_…`, or `test_f11_to_f14_…` for four of them."""
    found: dict[int, set[str]] = defaultdict(set)
    for name in names:
        match = re.match(r"test_f(\d\d)_(?:to_f(\d\d)_)?", name)
        if match:
            for number in range(int(match[1]), int(match[2] or match[1]) + 1):
                found[number].add(name)
    return found


def test_every_one_of_the_fifty_five_cases_has_its_test_and_no_other_number_is_used() -> None:
    assert set(numbers(_tests())) == ALL


def test_a_missing_number_would_be_seen() -> None:
    assert set(numbers({"test_f01_a", "test_f11_to_f14_b", "test_other"})) == {1, 11, 12, 13, 14}


def test_every_measured_fault_of_the_payment_libraries_has_its_test() -> None:
    names = _tests()
    assert [fault for fault, name in FAULTS.items() if name not in names] == []


def test_every_kind_of_published_example_is_used_by_a_test() -> None:
    book = json.loads((TESTS / "sandbox/vectors/payments.json").read_text("utf-8"))
    said = "".join(
        path.read_text("utf-8")
        for path in TESTS.rglob("test_*.py")
        if path != Path(__file__) and "payments.json" in path.read_text("utf-8")
    )
    kinds = {one["kind"] for one in book["vectors"]}
    unused = {kind for kind in kinds if f'"{kind}"' not in said}
    by_name = {one["kind"] for one in book["vectors"] if f'"{one["id"]}"' in said}
    assert unused - by_name == OF_API_V2
    assert all(one["source"] for one in book["vectors"])
