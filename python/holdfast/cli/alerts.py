"""`holdfast alerts ...`: try the routes, see what is stuck."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import Failure, emit, line, say, table

app = typer.Typer(
    name="alerts", help="Test the alert routes and list undelivered messages.", no_args_is_help=True
)


@app.command()
def test(
    route: Annotated[
        str | None, typer.Option("--route", help="Test only this route. Default: all.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test message over each [[alert]] route of config.toml; exit 1 if one fails.

    The guardian does not need to run.

    Example:

        holdfast alerts test --route phone
    """
    from holdfast.service.alerts.routes import Severity, parse_routes
    from holdfast.service.alerts.send import send
    from holdfast.service.config import load_config

    place = existing(home)
    routes = parse_routes(load_config(place.config_path).alert, place.path)
    chosen = [each for each in routes if route in (None, each.id)]
    if not chosen:
        what = f"there is no [[alert]] `{route}`" if route else "there are no [[alert]] tables"
        raise Failure(f"{what} in `{place.config_path}`", code="no_route")
    failed = 0
    for each in chosen:
        body = f"This is a test of the route `{each.id}`. Nothing happened."
        error = send(each, Severity.INFO, "Holdfast: test", body)
        failed += error is not None
        if as_json:
            emit({"route": each.id, "ok": error is None, "error": error})
        else:
            line(f"{each.id}  {'delivered' if error is None else f'NOT DELIVERED: {error}'}")
    if failed:
        say(f"holdfast: {failed} of {len(chosen)} routes failed")
        raise typer.Exit(1)


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the messages that the running guardian has queued or could not deliver.

    Example:

        holdfast alerts status
    """
    from holdfast.cli.link import Link
    from holdfast.operator import format as fmt

    with Link(existing(home).operator_socket) as link:
        report = link.object("alerts")
    if as_json:
        emit(report)
        return
    line(f"queued   {report.get('pending', 0)}")
    rows = [
        (fmt.safe(each["route"]), each["tries"], fmt.stamp(each["at"]), fmt.safe(each["error"]))
        for each in report.get("failed") or []
    ]
    table(("route", "tries", "since", "error"), rows)
    more = report.get("failed_count", 0) - len(rows)
    if more > 0:
        line(f"and {more} older ones")
