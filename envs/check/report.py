"""What a check found: one finding a promise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One promise, and whether it is kept."""

    name: str
    ok: bool | None
    """None where there is nothing to check."""
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All findings about one environment."""

    env: str
    findings: tuple[Finding, ...]
    seconds: float = 0.0
    missing: str = ""
    """What it needs and is not here; then nothing was tried."""

    @property
    def ok(self) -> bool:
        """Whether no promise is broken."""
        return not self.broken

    @property
    def broken(self) -> list[Finding]:
        """The promises that are not kept."""
        return [finding for finding in self.findings if finding.ok is False]

    @property
    def line(self) -> str:
        """All in one line: what was kept, broken or missing."""
        if self.missing:
            return f"-    {self.env}  passed over: {self.missing}"
        if self.broken:
            told = "; ".join(f"{finding.name}: {self._told(finding)}" for finding in self.broken)
            return f"FAIL {self.env}  {told}"
        kept = sum(finding.ok is True for finding in self.findings)
        return f"ok   {self.env}  {kept} promises kept in {self.seconds:.1f} s"

    def __str__(self) -> str:
        if self.missing:
            return self.line
        marks = {True: "ok", False: "FAIL", None: "-"}
        width = max(len(finding.name) for finding in self.findings)
        lines = [f"{marks[f.ok]:<4} {f.name:<{width}}  {self._told(f)}" for f in self.findings]
        return "\n".join((f"{self.env}: {'ok' if self.ok else 'NOT ok'}", *lines))

    def _told(self, finding: Finding) -> str:
        """Its detail, or which finding before it says the same."""
        if finding.ok is False:
            first = next(each for each in self.broken if each.detail == finding.detail)
            if first is not finding:
                return f"the same as of {first.name!r}"
        return finding.detail
