"""What one source of a price last said, and whether to believe it alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.service.facts.prices.number import written
from holdfast.service.facts.prices.settings import PriceSettings

# A second look counts as one when it comes so much later.
CONFIRM_MS = 45_000


@dataclass(slots=True)
class Source:
    """Times are the core's, in ms.

    `at` is how old the price is by the source's own word, never later than when it was asked.
    """

    settings: PriceSettings
    due: int = 0
    looked: bool = False
    looking: bool = False
    atto: int = 0
    at: int = 0
    asked: int = 0
    fault: str = "not checked yet"
    # The last price that was believed, and when it was read; one that jumped, and since when.
    _trusted: tuple[int, int] | None = field(default=None)
    _jump: tuple[int, int] | None = field(default=None)

    @property
    def doubted(self) -> bool:
        """Whether it jumped and did not yet say the same a second time."""
        return self._jump is not None

    def is_fresh(self, now: int, age_ms_max: int) -> bool:
        """Whether the core would count its price."""
        return self.atto > 0 and now - self.at <= age_ms_max

    def take(self, atto: int, at: int, asked: int, age_ms_max: int) -> None:
        """A price that was read.

        More than half up or down from the last one, if that is not too old to compare with, is a
        jump.
        """
        trusted, jump = self._trusted, self._jump
        if (
            trusted is None
            or asked - trusted[1] > age_ms_max
            or not _is_jump(trusted[0], atto)
            or (jump and asked - jump[1] >= CONFIRM_MS and not _is_jump(jump[0], atto))
        ):
            self._trusted, self._jump = (atto, asked), None
        elif jump is None or _is_jump(jump[0], atto):
            self._jump = atto, asked
        self.atto, self.at, self.asked, self.fault = atto, at, asked, ""

    def moved(self, by: int) -> None:
        """The clock moved by so many ms: everything that was measured by it goes along."""
        self.due = max(0, self.due + by)
        self.asked += by
        if not self.settings.feed:
            self.at += by
        if self._trusted is not None:
            self._trusted = self._trusted[0], self._trusted[1] + by
        if self._jump is not None:
            self._jump = self._jump[0], self._jump[1] + by

    def quote(self) -> tuple[str, int]:
        """As a price fact: USD, and when."""
        return written(self.atto), self.at

    def words_of_jump(self) -> str:
        """What an operator has to know of a jump."""
        before = written(self._trusted[0]) if self._trusted else "?"
        jump = f"it jumped from {before} to {written(self.atto)} USD"
        return f"{jump}, and counts once a second reading a minute later confirms it"


def _is_jump(before: int, now: int) -> bool:
    return 2 * abs(now - before) > before
