"""What an operator signs about a request: shown, held against its digest, and agreed to."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.link import NoGuardian
from holdfast.cli.output import Failure, line, say
from holdfast.cli.showing import NOT_AS_SHOWN, print_request, summed
from holdfast.codes import Code
from holdfast.wording import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.cli.link import Link
    from holdfast.operator.request import Request
    from holdfast.operator.seen import Seen

RequestArgument = Annotated[str, typer.Argument(metavar="REQUEST", help="Its id, such as r12.")]
DigestOption = Annotated[
    str | None,
    typer.Option(
        "--digest", help="Answer without confirmation, only if the request has this digest."
    ),
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="The reason, for the journal.")]


@dataclass(frozen=True)
class Asked:
    """One request as it was shown; `digest` is computed from that, never taken from the socket."""

    action: str
    view: dict[str, Any]
    request: Request
    seen: Seen

    @property
    def digest(self) -> str:
        return self.seen.digest


def ask_about(
    link: Link, ident: str, digest: str | None, action: str, *, whole: bool = False
) -> Asked:
    """The request, if it is what its digest says and the one meant by `digest`.

    With `whole` also only if this program decodes it as it is shown.
    """
    from holdfast.operator.request import Request
    from holdfast.operator.seen import look

    view = link.object("request", id=ident)
    if view.get("id") != ident:
        raise Failure(
            f"asked for {ident} but got another request: nothing was sent", code=NOT_AS_SHOWN
        )
    seen = look(view, policy_of(link, view))
    if not seen.digest or seen.digest != view.get("digest") or (seen.faults and whole):
        print_request(view, seen.faults, full=False)
        raise Failure(f"nothing was sent: {seen.fault}", code=NOT_AS_SHOWN)
    if digest is not None and digest != seen.digest:
        text = f"{ident} has the digest {seen.digest}, not the one given: nothing was sent"
        raise Failure(text, code=Code.DIGEST_MISMATCH)
    if digest is None and not sys.stdin.isatty():
        text = f"use --digest {seen.digest} to {action} {ident} without confirmation"
        raise Failure(text, code="usage", exit_code=2)
    return Asked(action, view, Request.read(view), seen)


def agree(asked: Asked, digest: str | None, more: Sequence[str] = ()) -> None:
    """Shows it with `more` lines and asks, unless its digest was given.

    Raises Failure when the answer is no.
    """
    ident, what = asked.request.id, "; ".join(summed(asked.request))
    if digest is None:
        print_request(asked.view, asked.seen.faults, full=asked.request.hides)
    for each in more:
        line(f"  {each}")
    if digest is None and not _confirmed(asked, what):
        raise Failure("nothing was sent", code="not_confirmed")
    say(f"signing: {asked.action} {ident}: {what}; digest {asked.digest}")


def _confirmed(asked: Asked, what: str) -> bool:
    """The console's own questions.

    The gap where a payment is large or its worth is unknown, then yes; everything else is no.
    """
    from holdfast.console import settings
    from holdfast.operator.decision import needs_typing
    from holdfast.operator.gap import Gap

    bar = settings.load(settings.config_folder() / "console.json").confirm_usd_micro
    if asked.action == "approve" and needs_typing(asked.request, bar):
        gap = Gap.of(asked.request)
        question = f"fill in the {gap.name}: {gap.text()}; four characters"
        typed = typer.prompt(question, default="", show_default=False, err=True).strip()
        if not gap.fits(typed):
            say(f"`{safe(typed, 24)}` is not in the middle of the {gap.name}")
            return False
    question = f"{asked.action} {asked.request.id}: {what}?"
    return bool(typer.confirm(question, default=False, err=True))


def faults_of(link: Link, view: dict[str, Any]) -> tuple[str, ...]:
    """What of a view cannot be true; of one that ended only that it is what its digest says."""
    from holdfast.operator.request import Request
    from holdfast.operator.seen import NOT_WHOLE, OTHER_POLICY, look

    ended = Request.read(view).ended
    faults = look(view, None if ended else policy_of(link, view)).faults
    # The details of what ended long ago are forgotten; its record in the journal has them.
    return tuple(each for each in faults if not ended or each not in (NOT_WHOLE, OTHER_POLICY))


def policy_of(link: Link, view: dict[str, Any]) -> str | None:
    """The text of the policy that decided the request; its digest is compared by `look`."""
    try:
        return str(link.object("policy", digest=str(view.get("policy"))).get("source"))
    except NoGuardian:
        raise
    except Failure:
        return None
