"""Print what the parts of a played week came to: `python -m tests.readings.week_table FOLDER`."""

import json
import sys
from pathlib import Path


def main(folder: Path) -> int:
    parts = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    if not parts:
        sys.stderr.write(f"There are no figures in {folder}: the week was not played to its end.\n")
        return 1
    for name in parts[0]:
        columns = "".join(f"{part[name]:>12}" for part in parts)
        sys.stdout.write(f"{name:<34}{columns}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
