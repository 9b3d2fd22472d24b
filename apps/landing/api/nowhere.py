"""Every other address below `/api/v1/`."""

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class NowhereView(APIView):
    """JSON like everything here, where Django would show a page for people."""

    permission_classes = [AllowAny]
    schema: Any = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound

    def get(self, request: Request, anything: str) -> Response:
        """Never reached; `initial` has answered."""
        raise NotFound

    post = put = patch = delete = get
