"""What is out on the chain for a request, and what it waits for. Pure Text building."""

from __future__ import annotations

from holdfast.console.words import Words
from holdfast.operator import format as fmt
from holdfast.operator.gwei import gwei
from holdfast.operator.replacing import agent_alone, settled
from holdfast.operator.request import Request
from holdfast.operator.waits import waits_line, waits_of

LABEL = 9


def waiting(words: Words, request: Request) -> None:
    """Why it does not go on, where that is known."""
    waits = waits_of(request)
    if waits is not None and waits.why:
        _title(words, f"It waits for {waits.what}")
        words.line(f"  {waits.why}", "warn")


def status(words: Words, request: Request, now_ms: int) -> None:
    """For the line of its state: what it waits for and for how long; being cancelled."""
    if request.raw.get("cancelling") and not settled(request):
        words.put("  being cancelled", "warn bold")
    line = "" if request.pending else waits_line(request, now_ms)
    if line:
        words.put(f"  {line}", request.mark.tone)


def out(words: Words, request: Request) -> None:
    """Who sends it, its nonce and fee, and every hash that can be mined."""
    raw, over, alone = request.raw, settled(request), agent_alone(request)
    if raw.get("nonce") is None and not alone:
        return
    _title(words, "On the chain")
    if alone:
        _row(words, "sent by", "only its agent: the guardian never sends it")
    if raw.get("nonce") is None:
        return
    _row(words, "nonce", fmt.safe(raw["nonce"], 24))
    fee, tip = _fee(raw.get("fee_per_gas")), _fee(raw.get("priority_fee_per_gas"))
    _row(words, "fee", f"{fee} per gas, tip {tip}")
    if raw.get("hash"):
        _row(words, "hash", fmt.safe(raw["hash"], 80))
    earlier = raw.get("earlier")
    for each in earlier if isinstance(earlier, list) else []:
        _row(words, "earlier", fmt.safe(each, 80))
    if over:
        return
    if raw.get("cancelling"):
        words.line("  The newest transaction has no value: it cancels the payment.", "warn bold")
    if earlier:
        words.line("  All share one nonce: only one of them can be mined.", "muted")


def _title(words: Words, title: str) -> None:
    words.line()
    words.line(f" {title}", "accent bold")


def _row(words: Words, name: str, value: str) -> None:
    words.put(f"  {name:<{LABEL}}", "muted").line(value)


def _fee(value: object) -> str:
    text = str(value)
    return gwei(int(text)) if text.isascii() and text.isdigit() else "?"
