"""`/script`: what goes wrong next, many things at once; all of it is understood, or none is put into force."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from apps.sandbox.bills import OF_FILES, OF_LINES, Bills, EditUnknown, edit_of
from apps.sandbox.faults import Faults, FaultUnknown, fault_of
from apps.sandbox.http import Answer, Request, json_answer, redirect

_OF_BILLS = (*OF_LINES, *OF_FILES)
LONGEST = 1_000


@dataclass(frozen=True)
class Script:
    """Faults of the platforms and lies of their bills, in one list of steps."""

    faults: Faults
    bills: Bills

    def answer(self, request: Request) -> Answer:
        """`GET` shows what is left, `POST {"steps": […]}` adds to it, `DELETE` forgets all.

        A step is what `POST /faults` or `POST /bills/edits` takes; its kind says which.
        """
        if request.method == "DELETE":
            self.faults.clear()
            self.bills.clear()
        if request.method == "POST":
            try:
                self._take(_steps(request))
            except (FaultUnknown, EditUnknown) as error:
                return json_answer(400, {"code": "invalid_script", "detail": str(error)})
            if request.is_form:
                return redirect("/", status=303)
        return json_answer(200, {"steps": self.left()})

    def left(self) -> list[dict[str, Any]]:
        """What has not been played yet; a lie about a line of a bill stays."""
        edits = [{name: str(value) for name, value in asdict(edit).items()} for edit in self.bills.edits()]
        return [*(asdict(fault) for fault in self.faults.waiting()), *edits]

    def _take(self, steps: list[Any]) -> None:
        for place, step in enumerate(steps):
            try:
                if not isinstance(step, dict):
                    raise FaultUnknown("a step is an object with a kind")
                (edit_of if step.get("kind") in _OF_BILLS else fault_of)(step)
            except (FaultUnknown, EditUnknown) as error:
                raise FaultUnknown(f"step {place + 1}: {error}") from None
        for step in steps:
            (self.bills.order if step["kind"] in _OF_BILLS else self.faults.order)(step)


def _steps(request: Request) -> list[Any]:
    try:
        wish = json.loads(request.form.get("script", "") if request.is_form else request.body)
    except ValueError:
        raise FaultUnknown("send JSON") from None
    steps = wish.get("steps") if isinstance(wish, dict) else wish
    if not isinstance(steps, list) or not 0 < len(steps) <= LONGEST:
        raise FaultUnknown(f'send {{"steps": […]}}, 1 to {LONGEST} of them')
    return steps
