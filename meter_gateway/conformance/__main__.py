"""``python -m meter_gateway.conformance``: hold a meter to the clauses and tell what it does."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NoReturn, TextIO

from meter_gateway.conformance import report
from meter_gateway.conformance.bench import Bench
from meter_gateway.conformance.catalogue import CLAUSES, UnknownClause, clauses_named
from meter_gateway.conformance.clause import Clause, Finding
from meter_gateway.conformance.live import Dialled, Listening, NoMeter, examine_live
from meter_gateway.conformance.simulated import examine_simulated
from meter_gateway.protocol.profiles import Profile, UnknownProfile, load_profile, names
from meter_gateway.simulator.breaks import BREAKS

KEPT, BROKEN, NOT_EXAMINED = 0, 1, 2
_MOST_PORT = 65_535


class NotUnderstood(Exception):
    """One sentence about what was typed."""


def main(arguments: Sequence[str], stdout: TextIO, stderr: TextIO) -> int:
    """Examine, print every clause with its bytes, and return 0 if none failed, 1 if one did, 2 if nobody
    could be examined."""
    try:
        options = _parser().parse_args(arguments)
        clauses = clauses_named(options.only.split(",")) if options.only else CLAUSES
        if options.list:
            stdout.writelines(f"{clause.name:22} {clause.demand} ({clause.source})\n" for clause in clauses)
            return KEPT
        findings = _examine(options, clauses, stdout)
        if options.report:
            _write(options.report, findings)
    except SystemExit as ended:
        return KEPT if ended.code in (None, 0) else NOT_EXAMINED
    except (NotUnderstood, NoMeter, UnknownClause, UnknownProfile, OSError) as problem:
        stderr.write(f"conformance: {problem}\n")
        return NOT_EXAMINED
    return KEPT if all(report.passed(found) for found in findings.values()) else BROKEN


def _examine(options: argparse.Namespace, clauses: Sequence[Clause], stdout: TextIO) -> report.Findings:
    def tell(finding: Finding) -> None:
        stdout.write(report.told(finding) + "\n")
        stdout.flush()

    profiles = [options.profile] if options.profile else names()
    if not options.simulated and not options.profile:
        raise NotUnderstood("A meter on a link needs --profile.")
    findings = {}
    for name in profiles:
        profile = load_profile(name)
        if options.simulated:
            found = examine_simulated(profile, BREAKS.get(options.break_), clauses)
            for finding in found:
                tell(finding)
        else:
            found = asyncio.run(_live(options, profile, clauses, tell, stdout))
        findings[name] = found
        stdout.write(f"{name}: {report.summed(found)}\n")
    return findings


async def _live(
    options: argparse.Namespace,
    profile: Profile,
    clauses: Sequence[Clause],
    tell: report.Tell,
    stdout: TextIO,
) -> list[Finding]:
    make_bench = partial(_bench, options, profile)
    if options.connect:
        door = Dialled(*options.connect)
        return await examine_live(profile, door, clauses, make_bench, options.serial, tell)
    listening = Listening(*options.listen, patience_s=options.patience)
    stdout.write(f"conformance: waiting for a meter on port {await listening.listen()}\n")
    stdout.flush()
    try:
        return await examine_live(profile, listening, clauses, make_bench, options.serial, tell)
    finally:
        listening.close()


def _bench(options: argparse.Namespace, profile: Profile, serial: str, now: datetime) -> Bench:
    return Bench(
        profile,
        serial,
        now,
        may_change=options.destructive,
        answer_s=options.answer or profile.answer_timeout_s,
        silence_s=options.silence,
        patience_s=options.patience,
        customer_no=options.customer,
    )


def _write(path: Path, findings: report.Findings) -> None:
    text = report.as_json(findings) if path.suffix == ".json" else report.as_markdown(findings)
    path.write_text(text, encoding="utf-8")


class _OneSentence(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise NotUnderstood(f"{message[:1].upper()}{message[1:]} (try --help).")


def _parser() -> argparse.ArgumentParser:
    parser = _OneSentence(
        prog="python -m meter_gateway.conformance", description="Hold a meter to DL/T 645 and its profile."
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--connect", type=_host_and_port, metavar="HOST:PORT", help="a meter that listens")
    where.add_argument(
        "--listen", type=_listening, metavar="[HOST:]PORT", help="a meter that dials; 0 for any port"
    )
    where.add_argument("--simulated", action="store_true", help="a simulated meter, in this process")
    where.add_argument("--list", action="store_true", help="the clauses")
    parser.add_argument("--profile", metavar="P", help="the model; --simulated without it takes all")
    parser.add_argument(
        "--serial", default="", metavar="DIGITS", help="the meter's address, else it is asked"
    )
    parser.add_argument("--customer", default="000000000001", metavar="DIGITS", help="for opening an account")
    parser.add_argument("--only", default="", metavar="A,B", help="these clauses or chapters")
    parser.add_argument(
        "--destructive", action="store_true", help="also what credits, switches, sets and clears a real meter"
    )
    parser.add_argument(
        "--answer", type=float, metavar="S", help="how long an answer may take (the profile's)"
    )
    parser.add_argument(
        "--silence", type=float, default=2.0, metavar="S", help="how long silence is listened to (2)"
    )
    parser.add_argument("--patience", type=float, default=120.0, metavar="S", help="the longest wait (120)")
    parser.add_argument(
        "--break", dest="break_", choices=sorted(BREAKS), metavar="CLAUSE", help="with --simulated"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="also as FILE.json or FILE.md")
    return parser


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal()) or int(port) > _MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _listening(text: str) -> tuple[str, int]:
    return _host_and_port(text if ":" in text else f"127.0.0.1:{text}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
