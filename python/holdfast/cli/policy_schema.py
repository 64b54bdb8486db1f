"""`holdfast policy schema`: what editors need to complete and check a policy."""

from __future__ import annotations

import json

from holdfast.cli.output import line


def schema() -> None:
    """Print a JSON schema of policies, for editors with Taplo such as Even Better TOML.

    An editor finds keys and values with it; only `holdfast policy check` finds every error.

    Example:

        holdfast policy schema > policy.schema.json
    """
    from holdfast.policies.schema.make import policy_schema

    line(json.dumps(policy_schema(), indent=2))
