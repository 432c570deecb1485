"""What a linter finds."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """A broken rule, and where."""

    rule: str
    where: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}"


def rules_of(faults: list[Fault]) -> list[str]:
    """The rules that were broken, each once, sorted."""
    return sorted({fault.rule for fault in faults})
