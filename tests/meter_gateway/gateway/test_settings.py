"""What the environment may say, and what logs may show."""

import pytest

from meter_gateway.log import masked
from meter_gateway.settings import GatewaySettings, SettingsError

BROKER = {"BROKER_URL": "redis://127.0.0.1:6454/0"}


def test_the_defaults_listen_on_this_machine_only():
    settings = GatewaySettings.from_environment(BROKER)
    assert (settings.host, settings.port, settings.node) == ("127.0.0.1", 6450, "gw1")


def test_the_environment_is_read():
    environ = BROKER | {"GATEWAY_HOST": "0.0.0.0", "GATEWAY_PORT": "0", "GATEWAY_NODE": "gw7"}  # noqa: S104
    settings = GatewaySettings.from_environment(environ)
    assert (settings.host, settings.port, settings.node) == ("0.0.0.0", 0, "gw7")  # noqa: S104


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:6454",
        "http://127.0.0.1:6454/0",
        "redis://",
        "redis:///0",
        "redis://127.0.0.1:port/0",
        "redis://127.0.0.1:70000/0",
        "redis://127.0.0.1:6454/zero",
    ],
)
def test_a_broker_url_of_another_shape_is_refused_in_one_sentence(url):
    with pytest.raises(SettingsError, match=r"^BROKER_URL must look like redis://[^\n]+\.$"):
        GatewaySettings.from_environment({"BROKER_URL": url})


def test_a_password_in_the_broker_url_is_not_repeated():
    with pytest.raises(SettingsError) as refused:
        GatewaySettings.from_environment({"BROKER_URL": "http://:sesame@127.0.0.1:port/x"})
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_PORT", "65536"),
        ("GATEWAY_PORT", "-1"),
        ("GATEWAY_PORT", "meter"),
        ("GATEWAY_NODE", "a b"),
        ("GATEWAY_LOG_LEVEL", "LOUD"),
        ("GATEWAY_UNPROVEN_LIMIT", "many"),
    ],
)
def test_a_wrong_setting_is_named(name, value):
    with pytest.raises(SettingsError, match=name):
        GatewaySettings.from_environment(BROKER | {name: value})


@pytest.mark.parametrize(
    ("serial", "shown"),
    [
        ("000000219998", "0000****9998"),
        ("860000000000001", "8600****0001"),
        ("12345678", "****"),
        ("", "-"),
        (None, "-"),
        ("abc\nINFO forged line", "abc.****line"),
    ],
)
def test_meter_numbers_are_masked_and_cannot_forge_a_line(serial, shown):
    assert masked(serial) == shown
