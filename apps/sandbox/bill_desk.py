"""Where Alipay's bills are fetched, and the control port for what is wrong with a bill."""

import json
from dataclasses import asdict, dataclass

from apps.sandbox.bills import Bills, EditUnknown
from apps.sandbox.http import Answer, Request, json_answer


@dataclass(frozen=True)
class BillDesk:
    """Paths beside the platforms' own."""

    bills: Bills

    def alipay_file(self, request: Request) -> Answer:
        """`GET /downloadBillFile.resource?fileId=…`: for whoever has the address, while it lives."""
        file = self.bills.file(request.query.get("fileId", ""))
        if file is None:
            return Answer(404, b"", {"Content-Type": "text/plain"})
        return Answer(200, file, {"Content-Type": "application/zip"})

    def edits(self, request: Request) -> Answer:
        """`GET|POST|DELETE /bills/edits`: what bills lie about."""
        if request.method == "DELETE":
            self.bills.clear()
        if request.method == "POST":
            try:
                wish = json.loads(request.body or b"{}")
                self.bills.order(wish if isinstance(wish, dict) else {})
            except ValueError as error:
                said = str(error) if isinstance(error, EditUnknown) else "send a JSON object"
                return json_answer(400, {"code": "invalid_edit", "detail": said})
        shown = [{name: str(value) for name, value in asdict(edit).items()} for edit in self.bills.edits()]
        return json_answer(200, shown)
