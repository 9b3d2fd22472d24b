"""Messages to people's phones: one sentence out. Which wire they take is a setting.

A backend is a class with `send(phone, text)`; it may raise `MessageNotSent`. The console's writes to the log,
the file's appends JSON lines to SMS_OUTBOX, so that a demo's reader can open what was sent.
"""

import json
import logging
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from apps.common.outside import outside_call

log = logging.getLogger(__name__)


class MessageNotSent(Exception):
    """The message did not leave; it may be tried again."""


class Backend(Protocol):
    def send(self, phone: str, text: str) -> None:
        """Send one message; :raises MessageNotSent: if it did not leave."""


class ConsoleBackend:
    """Write the message to the log, with the phone masked; for a machine without an SMS contract."""

    def send(self, phone: str, text: str) -> None:
        log.info("message to %s: %s", masked_phone(phone), text)


class FileBackend:
    """Append the message to SMS_OUTBOX as one JSON line."""

    def send(self, phone: str, text: str) -> None:
        try:
            with open(settings.SMS_OUTBOX, "a", encoding="utf-8") as outbox:
                outbox.write(json.dumps({"phone": phone, "text": text}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise MessageNotSent(str(error)) from error


def send(phone: str, text: str) -> None:
    """Send one message over the configured backend; never inside a scope.

    :raises MessageNotSent: if it did not leave.
    """
    backend: Backend = import_string(settings.SMS_BACKEND)()
    with outside_call("sms"):
        backend.send(phone, text)


def masked_phone(phone: str) -> str:
    """Return a phone number as others may see it: 138****0001."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 7 else "****"
