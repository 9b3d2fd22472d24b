"""The one shape of a refusal: what was wrong, in which field, and which stable code names it."""

from collections.abc import Mapping

from django.utils.functional import Promise

Words = str | Promise


class Refused(Exception):
    """A service will not do what was asked, and nothing was written.

    `code` is stable and for machines, `detail` is a sentence in the caller's language, `fields` maps a field
    to what is wrong with it. `status` is what an HTTP edge answers with; `retry_after_s` says when to ask again.
    """

    code = "refused"
    status = 422
    detail: Words = ""

    def __init__(
        self,
        detail: Words = "",
        *,
        code: str | None = None,
        fields: Mapping[str, Words] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        self.detail = detail or self.detail
        self.code = code or self.code
        self.fields = dict(fields or {})
        self.retry_after_s = retry_after_s
        super().__init__(str(self.detail))


class NotFound(Refused):
    """Foreign and missing answer alike."""

    code = "not_found"
    status = 404


class Forbidden(Refused):
    code = "forbidden"
    status = 403


class Conflict(Refused):
    """The thing is no longer in the state the caller believed it to be in."""

    code = "conflict"
    status = 409


class Gone(Refused):
    """Only for the holder of a token that was once valid."""

    code = "gone"
    status = 410
