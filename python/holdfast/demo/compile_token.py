"""Makes `token.json` (abi and creation bytecode) from `token.vy`.

Run after every change of the contract: `python -m holdfast.demo.compile_token`.
"""

import json
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("token.vy")
COMPILED = Path(__file__).with_name("token.json")


def compiled() -> str:
    """The text of `token.json`. Needs vyper, which only developers install."""
    from vyper import compile_code  # type: ignore[import-untyped]

    built = compile_code(SOURCE.read_text(), output_formats=["abi", "bytecode"])
    return json.dumps({"abi": built["abi"], "bytecode": built["bytecode"]}, indent=1) + "\n"


def main() -> int:
    """Writes the file; with `--check` only says by exit code 1 that it is out of date."""
    text = compiled()
    if "--check" in sys.argv[1:]:
        return 0 if COMPILED.read_text() == text else 1
    COMPILED.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
