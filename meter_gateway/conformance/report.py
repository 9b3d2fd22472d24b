"""Findings in words: for a terminal, as JSON, and the table that the documentation shows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from meter_gateway.conformance.catalogue import CHAPTERS
from meter_gateway.conformance.clause import Finding, Mark
from meter_gateway.conformance.crediting import CERTIFICATION

Findings = Mapping[str, Sequence[Finding]]
"""By the name of the profile."""

Tell = Callable[[Finding], None]

_SIGNS = {Mark.PASSED: "✓", Mark.FAILED: "**✗**", Mark.NOT_APPLICABLE: "–", Mark.UNJUDGED: "?"}


def told(finding: Finding) -> str:
    """One clause for a terminal: the mark, the demand, the reason, every byte."""
    lines = [f"{finding.mark.value:8} {finding.clause.name:22} {finding.clause.demand}"]
    if finding.reason:
        lines.append(f"         {finding.reason}")
    lines += [f"         {said}" for said in finding.said]
    return "\n".join(lines)


def summed(findings: Sequence[Finding]) -> str:
    """How many of each mark, and which failed."""
    counts = Counter(finding.mark for finding in findings)
    text = ", ".join(f"{counts[mark]} {mark.value}" for mark in Mark if counts[mark])
    failed = [finding.clause.name for finding in findings if finding.mark is Mark.FAILED]
    return text + (f": {', '.join(failed)}" if failed else "")


def passed(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed and something was found at all."""
    marks = {finding.mark for finding in findings}
    return Mark.PASSED in marks and Mark.FAILED not in marks


def as_json(findings: Findings) -> str:
    """Everything, bytes as hexadecimal digits."""
    table = {
        profile: [
            {
                "clause": finding.clause.name,
                "demand": finding.clause.demand,
                "source": finding.clause.source,
                "result": finding.mark.value,
                "reason": finding.reason,
                "bytes": [
                    {"to": "meter" if said.ours else "kit", "hex": said.raw.hex().upper()}
                    for said in finding.said
                ],
            }
            for finding in found
        ]
        for profile, found in findings.items()
    }
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"


def as_markdown(findings: Findings) -> str:
    """A table of all clauses and models, why a clause does not apply, and the certification cases in bytes."""
    parts = ["## Clauses", _table(findings)]
    if reasons := _reasons(findings):
        parts += ["## What does not apply, and why", reasons]
    parts += ["## The five certification cases, byte by byte", _certification(findings)]
    return "\n\n".join(parts) + "\n"


def _table(findings: Findings) -> str:
    profiles = list(findings)
    lines = [
        f"| Clause | Demand | Source | {' | '.join(f'`{name}`' for name in profiles)} |",
        f"|---|---|---|{'---|' * len(profiles)}",
    ]
    by_clause = {
        name: {finding.clause.name: finding for finding in found} for name, found in findings.items()
    }
    for chapter in CHAPTERS:
        for clause in chapter.clauses:
            found = [by_clause[profile].get(clause.name) for profile in profiles]
            if any(found):
                signs = " | ".join(_SIGNS[finding.mark] if finding else "" for finding in found)
                lines.append(f"| `{clause.name}` | {clause.demand} | {clause.source} | {signs} |")
    lines.append("| | | |" + "".join(f" {summed(found)} |" for found in findings.values()))
    return "\n".join(lines)


def _reasons(findings: Findings) -> str:
    """Every clause that was not judged, with the models that share a reason."""
    models: dict[tuple[str, str], list[str]] = {}
    for profile, found in findings.items():
        for finding in found:
            if finding.mark is not Mark.PASSED:
                models.setdefault((finding.clause.name, finding.reason), []).append(f"`{profile}`")
    lines = [
        f"* `{clause}`, {', '.join(names)}: {reason}" for (clause, reason), names in sorted(models.items())
    ]
    return "\n".join(lines)


def _certification(findings: Findings) -> str:
    """Of the first model to which all five apply."""
    for profile, found in findings.items():
        cases = {finding.clause.name: finding for finding in found}
        if all(name in cases and cases[name].mark is not Mark.NOT_APPLICABLE for name in CERTIFICATION):
            chosen = [cases[name] for name in CERTIFICATION]
            return f"`{profile}`:\n\n```\n" + "\n\n".join(map(told, chosen)) + "\n```"
    return "None of the models examined has all five."
