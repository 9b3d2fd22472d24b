"""Several people press at the same moment."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all acts in threads of their own, begun together; returns their answers in order."""
    ready = threading.Barrier(len(acts))
    answers: list[Any] = [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        ready.wait()
        try:
            answers[place] = act()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
