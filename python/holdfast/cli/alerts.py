"""`holdfast alerts ...`: try the routes, see what is stuck."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.cli.options import HomeOption, JsonOption, existing
from holdfast.cli.output import Failure, emit, line, say, table

app = typer.Typer(
    name="alerts", help="Try the alert routes, see what is stuck.", no_args_is_help=True
)


@app.command()
def test(
    route: Annotated[
        str | None, typer.Option("--route", help="Only this route; default: every one.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a message over each [[alert]] route of config.toml now; exit 1 when one is not taken.

    No guardian is needed.

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
            line(f"{each.id}  {'taken' if error is None else f'NOT TAKEN: {error}'}")
    if failed:
        say(f"holdfast: {failed} of {len(chosen)} routes did not take the message")
        raise typer.Exit(1)


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say which messages of the running guardian wait and which could not be delivered.

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
    line(f"waiting  {report.get('pending', 0)}")
    rows = [
        (fmt.safe(each["route"]), each["tries"], fmt.stamp(each["at"]), fmt.safe(each["error"]))
        for each in report.get("failed") or []
    ]
    table(("route", "tries", "since", "error"), rows)
    more = report.get("failed_count", 0) - len(rows)
    if more > 0:
        line(f"and {more} older ones")
