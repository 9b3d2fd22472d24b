"""One line of the table each; what missed its goal is remembered for the exit status."""

import sys

missed: list[str] = []


def row(name: str, value: str, goal: str = "", reached: bool = True) -> None:
    mark = "" if not goal else ("  ok" if reached else "  MISSED")
    sys.stdout.write(f"{name:<50} {value:>16}  {goal}{mark}\n")
    sys.stdout.flush()
    if not reached:
        missed.append(name)
