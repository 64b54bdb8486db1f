"""The `holdfast` command: every command in one place, every known error as one plain sentence."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from holdfast import __version__
from holdfast.cli import (
    alerts,
    assets,
    clock,
    config,
    decode,
    freezing,
    grants,
    guardian,
    init,
    journal,
    nonces,
    operators,
    policy,
    policy_bench,
    policy_diff,
    policy_explain,
    policy_import,
    policy_new,
    policy_review,
    policy_schema,
    policy_shadow,
    policy_sign,
    policy_test,
    policy_trust,
    policy_try,
    policy_worst_case,
    prices,
    replacing,
    requests,
)
from holdfast.cli.options import HomeOption
from holdfast.cli.output import (
    EXIT_BUG,
    Failure,
    OutputFailure,
    ReaderGone,
    fail,
    flush,
    line,
    print_no_more,
    show_escapes,
)
from holdfast.process.hardening import harden_process
from holdfast.process.isolated import isolate

app = typer.Typer(
    name="holdfast",
    help="A local guardian for the wallets of AI agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        line(f"holdfast {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _show: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    home: HomeOption = None,
) -> None:
    if home is not None:
        os.environ["HOLDFAST_HOME"] = str(home)


for _command in (
    init.init,
    guardian.serve,
    guardian.console,
    guardian.up,
    guardian.demo,
    guardian.status,
    prices.prices,
    guardian.watch,
    requests.pending,
    requests.show,
    requests.approve,
    requests.deny,
    replacing.bump,
    replacing.cancel,
    freezing.freeze,
    freezing.thaw,
):
    app.command()(_command)
app.command(help=decode.HELP)(decode.decode)
policy.app.command()(policy_bench.bench)
policy.app.command()(policy_diff.diff)
policy.app.command()(policy_new.new)
policy.app.command()(policy_explain.explain)
policy.app.command("import")(policy_import.import_)
policy.app.command()(policy_review.review)
policy.app.command()(policy_schema.schema)
policy.app.command()(policy_shadow.shadow)
policy.app.command()(policy_sign.sign)
policy.app.command()(policy_test.test)
policy.app.command()(policy_trust.trust)
policy.app.command("try")(policy_try.try_)
policy.app.command()(policy_worst_case.worst_case)
app.add_typer(policy.app)
app.add_typer(config.app)
app.add_typer(assets.app)
app.add_typer(journal.app)
app.add_typer(alerts.app)
app.add_typer(grants.app)
app.add_typer(nonces.app)
app.add_typer(clock.app)
app.add_typer(operators.app)


def main() -> None:
    """Runs one command and ends: 0 done, 1 failed, 2 wrong use, 3 no guardian answers.

    Every command is isolated and hardened before it reads anything: some of them read passphrases,
    and all of them run as a user whose other processes are not to be believed.
    """
    isolate()
    as_json = "--json" in sys.argv[1:]
    code = 0
    try:
        try:
            code = _run(as_json)
        finally:
            flush()
    except ReaderGone:
        print_no_more()
    except OutputFailure as failure:
        fail(failure, as_json=as_json)
    sys.exit(code)


def _run(as_json: bool) -> int:
    """The exit code of the command. Raises ReaderGone and OutputFailure."""
    show_escapes()
    try:
        harden_process()
        app(prog_name="holdfast")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130
    except (ReaderGone, OutputFailure):
        raise
    except Failure as failure:
        return _told(failure, as_json)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence, not a traceback
        return _told(_sentence(error), as_json)
    return 0


def _told(failure: Failure, as_json: bool) -> int:
    try:
        fail(failure, as_json=as_json)
    except SystemExit:
        return failure.exit_code


def _sentence(error: Exception) -> Failure:
    """Known errors in their own words; anything else is a bug of ours and says so."""
    from holdfast._core import HoldfastError

    if isinstance(error, HoldfastError):
        return Failure(str(error.args[1]), code=str(error.args[0]))
    if _known(error):
        return Failure(str(error), code=type(error).__name__)
    if isinstance(error, OSError):
        where = f"`{error.filename}`: " if error.filename else ""
        return Failure(f"{where}{error.strerror or error}", code="os_error")
    if os.environ.get("HOLDFAST_DEBUG"):
        raise error
    what = f"{type(error).__name__}: {error}"
    text = f"an internal error of Holdfast ({what}); HOLDFAST_DEBUG=1 shows where"
    return Failure(text, code="bug", exit_code=EXIT_BUG)


_KNOWN = {
    "holdfast.process.hardening": ("HardeningError",),
    "holdfast.process.places": ("UnsafeFile",),
    "holdfast.secrets.passphrase": ("PassphraseError",),
    "holdfast.secrets.sealed": ("SealedKeyError",),
    "holdfast.service.runtime.errors": ("ConfigError",),
    "holdfast.service.home.folder": ("HomeError",),
    "holdfast.service.journal.interface": ("JournalError",),
    "holdfast.secrets.keystore": ("KeystoreError",),
    "holdfast.service.runtime.lock": ("HomeInUse",),
}


def _known(error: Exception) -> bool:
    """Whether the error's own text is a sentence for people.

    Imports nothing: a module that was not loaded cannot have raised it.
    """
    classes = [
        getattr(sys.modules[module], name)
        for module, names in _KNOWN.items()
        for name in names
        if module in sys.modules
    ]
    return isinstance(error, tuple(classes))
