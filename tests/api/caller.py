"""A client of the REST contract: JSON in, JSON out, as one person."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import User


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any


class Caller:
    """Asks below `/api/v1/`; without a user, as nobody."""

    def __init__(self, user: User | None = None) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers: dict[str, str] = {}
        if user is not None:
            token, _row = accounts.issue_token(user=user, now=timezone.now(), life=timedelta(hours=1))
            self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: str) -> Answer:
        response = self._client.get(f"/api/v1/{path}", query, headers=self._headers)
        return self._answer(response)

    def post(self, path: str, body: Any = None, *, key: str = "", raw: bytes | None = None) -> Answer:
        return self._write("POST", path, body, key, raw)

    def patch(self, path: str, body: Any, *, key: str = "") -> Answer:
        return self._write("PATCH", path, body, key, None)

    def delete(self, path: str) -> Answer:
        return self._write("DELETE", path, None, "", b"")

    def _write(self, method: str, path: str, body: Any, key: str, raw: bytes | None) -> Answer:
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        sent = raw if raw is not None else json.dumps({} if body is None else body).encode()
        response = self._client.generic(
            method, f"/api/v1/{path}", sent, content_type="application/json", headers=headers
        )
        return self._answer(response)

    def _answer(self, response: Any) -> Answer:
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        body = json.loads(response.content) if is_json and response.content else response.content
        return Answer(response.status_code, body, response.headers)
