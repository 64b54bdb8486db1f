"""The rules that stand between a key press and an approval.

Headless; every time is monotonic seconds from outside.

An answer is bound to the id and digest captured at the first key, never to a place in a list.
"""

from __future__ import annotations

from typing import Literal

from holdfast.operator import format as fmt
from holdfast.operator.describe import scope_text
from holdfast.operator.gap import GAP_CHARS, Gap
from holdfast.operator.model import Model
from holdfast.operator.request import Request
from holdfast.operator.seen import Seen
from holdfast.operator.states import UNSIGNED

ARM_S = 1.0
BURST_S = 0.025
QUIET_S = 0.15
CONFIRM_USD_MICRO = 100 * fmt.MICRO_USD

Press = Literal["ignored", "burst", "taken"]
Answer = Literal["approve", "deny"]


class KeyGate:
    """Lets through a person's keys: none in the first second, none that come in a burst."""

    def __init__(self, mono: float) -> None:
        self._armed_at = mono + ARM_S
        self._last: float | None = None

    def arm(self, mono: float) -> None:
        """Starts the deaf second again."""
        self._armed_at = mono + ARM_S

    def armed_in(self, mono: float) -> float:
        """Seconds until keys count; 0 when they do."""
        return max(0.0, self._armed_at - mono)

    def press(self, mono: float) -> Press:
        """Judges one key. A burst starts the deaf second again."""
        last, self._last = self._last, mono
        burst = last is not None and mono - last < BURST_S
        if burst:
            self.arm(mono)
            return "burst"
        return "ignored" if mono < self._armed_at else "taken"


def needs_typing(request: Request, confirm_usd_micro: int = CONFIRM_USD_MICRO) -> bool:
    """Whether four characters of an address must be typed.

    A payment at or above the bar, or of unknown price, or a change of who is in charge.
    """
    usd = request.usd
    return usd is None or usd >= confirm_usd_micro or request.changes_control


class Reading:
    """How far a text was on screen: from its first line on, without a gap."""

    def __init__(self) -> None:
        self.lines = 0
        self._seen = 0

    def see(self, top: int, bottom: int, lines: int) -> None:
        """Lines `top` to `bottom` (not included) of `lines` are on screen.

        Another number of lines is another text, or another width: it begins again.
        """
        if lines != self.lines:
            self.lines, self._seen = lines, 0
        if top <= self._seen:
            self._seen = max(self._seen, min(bottom, lines))

    @property
    def unseen(self) -> int | None:
        """Lines that were not on screen yet; None before the text was drawn at all."""
        return self.lines - self._seen if self.lines else None

    @property
    def blocks(self) -> str | None:
        """Why it cannot be approved yet; None when all of it was on screen."""
        if self.unseen is None:
            return "read all of it first: none of it has been on screen yet"
        if self.unseen == 0:
            return None
        return f"{self.unseen:,} of {self.lines:,} lines not seen yet: scroll down, ↓ or PgDn"


def cannot_answer(model: Model, mono: float, read_only: bool) -> str | None:
    """Why no approve, deny or thaw can be sent now; None when it can."""
    if read_only:
        return "attached read-only"
    if model.status.sealed is not None:
        return "the guardian is sealed: it accepts only freeze"
    stale = model.link.stale_s(mono)
    if stale is not None:
        return f"STALE {int(stale)} s: what you see may be old"
    return None


def cannot_decide(
    request: Request | None, model: Model, mono: float, read_only: bool
) -> str | None:
    """Why the request cannot be answered at all; None when it can."""
    if request is None:
        return "no request is selected"
    general = cannot_answer(model, mono, read_only)
    if general is not None:
        return general
    if not request.decidable:
        return f"{fmt.safe(request.id, 24)} is {request.mark.word}, not waiting for an answer"
    overdue = request.deadline is not None and model.now_ms(mono) >= request.deadline
    if overdue and request.state == "waiting-approval":
        return f"{fmt.safe(request.id, 24)} has expired"
    return None


def cannot_deny(request: Request | None, model: Model, mono: float, read_only: bool) -> str | None:
    """As `cannot_decide`; what needs no answer and is not signed can also be denied."""
    if request is None or request.decidable or request.state not in UNSIGNED:
        return cannot_decide(request, model, mono, read_only)
    return cannot_answer(model, mono, read_only)


def cannot_approve(
    request: Request | None, model: Model, mono: float, read_only: bool
) -> str | None:
    """As `cannot_decide`, and what only stands against an approval."""
    reason = cannot_decide(request, model, mono, read_only)
    if reason is not None or request is None:
        return reason
    if request.partial:
        return f"{fmt.safe(request.id, 24)} is large and not fully loaded yet"
    freeze = model.frozen_for(request)
    if freeze is not None:
        return f"frozen ({scope_text(freeze.get('scope'))}): thaw first"
    return None


class Decision:
    """An open question: whether to approve or deny this request.

    Holds what was captured and what was typed. Only yes is an answer; everything else leaves the
    request as it is.
    """

    def __init__(
        self,
        request: Request,
        action: Answer,
        mono: float,
        confirm_usd_micro: int = CONFIRM_USD_MICRO,
    ) -> None:
        if not request.id or not request.digest:
            raise ValueError("a decision needs an id and a digest")
        self.id = request.id
        self.digest = request.digest
        self.shown = request
        self.action = action
        self.gate = KeyGate(mono)
        self.typing = action == "approve" and needs_typing(request, confirm_usd_micro)
        self.gap = Gap.of(request)
        # What its lines do not show must have been on screen before it can be approved.
        self.reading = Reading() if action == "approve" and request.hides else None
        self.typed = ""
        self.notice = ""
        self._confirmed_at: float | None = None
        self._seen: Seen | None = None

    @property
    def unchecked(self) -> bool:
        """Whether what is shown was not yet held against its digest and decoded again."""
        return self._seen is None

    @property
    def faults(self) -> tuple[str, ...]:
        """Why what is shown is not what would be signed, the gravest first."""
        return () if self._seen is None else self._seen.faults

    def looked(self, shown: Request, seen: Seen) -> None:
        """Takes what `seen.look` found about `shown`, unless something else is shown by now."""
        if shown.raw is self.shown.raw:
            self._seen = seen

    @property
    def typed_right(self) -> bool:
        return not self.typing or self.gap.fits(self.typed)

    def refresh(self, now: Request | None, mono: float) -> bool:
        """Compares with what the model holds; a change starts everything again.

        True when it changed.
        """
        if now is None or now.digest != self.digest:
            return False
        before = (self.shown.state, self.shown.approvals, self.shown.quorum)
        after = (now.state, now.approvals, now.quorum)
        changed = before != after or now.effects != self.shown.effects
        if now.raw is not self.shown.raw:
            self._seen = None
        self.shown = now
        if self.action == "approve" and now.hides and self.reading is None:
            self.reading = Reading()
        if changed:
            self.reset(mono, "the request changed while this was open: check it again")
        return changed

    def reset(self, mono: float, notice: str) -> None:
        """Forgets what was typed and waits a second before keys count again."""
        self.typed = ""
        self._confirmed_at = None
        self.gate.arm(mono)
        self.notice = notice

    def blocked(
        self,
        answer: Answer,
        now: Request | None,
        model: Model,
        mono: float,
        read_only: bool,
    ) -> str | None:
        """Why this answer cannot be given now; with another digest, never again."""
        if now is None:
            return f"{fmt.safe(self.id, 24)} is no longer known"
        if now.digest != self.digest:
            return "the request changed since you opened it: close and check it again"
        if self._seen is None:
            return "decoding again: one moment"
        # Denying signs the digest too, so that much must be true of what is shown.
        if self.faults and (answer == "approve" or self._seen.digest != self.digest):
            return self.faults[0]
        if answer == "deny":
            return cannot_deny(now, model, mono, read_only)
        reason = cannot_approve(now, model, mono, read_only)
        if reason is None and self.reading is not None:
            reason = self.reading.blocks
        return reason

    def press(self, mono: float) -> Press:
        """Judges any key of the dialog first. A burst cancels what was about to happen."""
        result = self.gate.press(mono)
        if result == "burst":
            self.reset(mono, "keys came too fast: ignored, start again")
        elif self._confirmed_at is not None:
            self._confirmed_at = None
            self.notice = "another key followed: nothing was sent"
            return "ignored"
        elif result == "ignored":
            self.notice = "ignored: keys work a second after this opens"
        else:
            self.notice = ""
        return result

    def type_char(self, char: str) -> None:
        """Takes one typed character (a key that was `taken`)."""
        if len(self.typed) >= GAP_CHARS:
            self.typed = ""
        self.typed += char
        if len(self.typed) == GAP_CHARS and not self.typed_right:
            self.notice = f"`{fmt.safe(self.typed)}` is not in the middle of the {self.gap.name}"
            self.typed = ""

    def confirm(self, mono: float) -> None:
        """The second, different key: yes to what was asked.

        Takes effect only after a quiet moment: see `due`.
        """
        if self.reading is not None and self.reading.blocks:
            self.notice = self.reading.blocks
            return
        if not self.typed_right:
            self.notice = f"first fill in the gap of the {self.gap.name}"
            return
        self._confirmed_at = mono
        self.notice = ""

    def due(self, mono: float) -> Answer | None:
        """The answer, once, when it stood alone for a quiet moment."""
        if self._confirmed_at is None or mono - self._confirmed_at < QUIET_S:
            return None
        self._confirmed_at = None
        return self.action
