"""The core's closed lists of codes are the only ones, and every code of them is told by a case."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.docs.blocks import ROOT

from holdfast._core import (
    CODE_AGE_MS_MAX,
    EFFECT_KINDS,
    END_STATES,
    LEAVING_EFFECTS,
    MEASURED_EFFECTS,
    OPAQUE_EFFECTS,
    SIGNING_METHODS,
    STATES,
    WAITING_STATES,
    codes,
)
from holdfast.codes import TRANSIENT, Code, Detail, PolicyCode, WarningCode
from holdfast.operator import states
from holdfast.wording import VERBS

PACKAGE = ROOT / "python/holdfast"
REASONS, WARNINGS = {str(code) for code in Code}, {str(code) for code in WarningCode}
# Words that are codes only beside something that says so.
PLAIN = {"malformed", "replayed", "internal"}
# Calls whose first argument is a code.
WITH_CODE = {"Refused", "HoldfastError", "OperatorError", "PolicyRejected", "Passing"}
# A member of `status` that has the text of a code.
MEMBERS = {("operator/model.py", "clock_set"), ("cli/commands.py", "clock_set")}

# Codes that no case can name, each with the reason.
NO_CASE = {
    ("code", "internal"): "a contradiction in the state, which no input can make",
    ("code", "chain_not_allowed"): "the parser takes no agent on a chain that the policy lacks",
}


def test_pages_and_names_are_printed_from_the_core() -> None:
    script = [sys.executable, str(ROOT / "scripts/codes"), "--check"]
    found = subprocess.run(script, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def _is_code(node: ast.Constant, parent: ast.AST | None) -> bool:
    text = node.value
    if isinstance(parent, ast.JoinedStr) or not isinstance(text, str):
        return False
    if "_" in text or text in PLAIN:
        return text in REASONS | WARNINGS
    if text not in REASONS:
        return False
    if isinstance(parent, ast.Call) and parent.args[:1] == [node]:
        name = getattr(parent.func, "id", getattr(parent.func, "attr", ""))
        return name in WITH_CODE
    if isinstance(parent, ast.Dict):
        keys = [key for key, value in zip(parent.keys, parent.values, strict=True) if value is node]
        return any(isinstance(key, ast.Constant) and key.value == "code" for key in keys)
    return isinstance(parent, ast.keyword) and parent.arg == "code"


def _codes_as_text() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if name == "codes.py":
            continue
        tree = ast.parse(path.read_text())
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or (name, node.value) in MEMBERS:
                continue
            if _is_code(node, parents.get(node)):
                yield f"{name}:{node.lineno}: `{node.value}` is a code: take it from holdfast.codes"


def test_no_code_is_written_as_text() -> None:
    assert not list(_codes_as_text())


def test_every_code_is_named_by_a_case_or_says_why_not() -> None:
    sources = [
        path
        for top in ("rust/core/tests", "tests")
        for path in (ROOT / top).rglob("*")
        if path.suffix in {".rs", ".py", ".toml"} and path.name != "test_codes.py"
    ]
    text = "\n".join(path.read_text() for path in sources)
    # A list of codes is no case.
    text = re.sub(r"^\s+Code::\w+,$", "", text, flags=re.MULTILINE)
    words = set(re.findall(r"(?<=[\"'` ])\w+(?=[\"'`: ])", text))
    names = set(re.findall(r"(?:Code|Detail)(?:::|\.)(\w+)", text))
    missing = {
        (name, code)
        for name, code, *_ in codes()
        if code not in words and not {code.title().replace("_", ""), code.upper()} & names
    }
    assert missing <= set(NO_CASE), "no case names these"


def test_the_names_are_those_of_the_core() -> None:
    rows = codes()
    for name, names in (
        ("code", Code),
        ("detail", Detail),
        ("warning", WarningCode),
        ("policy", PolicyCode),
    ):
        assert [str(code) for code in names] == [code for each, code, *_ in rows if each == name]
    assert {str(code) for code in TRANSIENT} == {
        code for name, code, group, *_ in rows if (name, group) == ("code", "transient")
    }


def test_codes_of_the_protocol_are_codes() -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    table = page.split("| code (error `4001`)")[1].split("\n\n")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert named
    assert named <= REASONS


def test_what_is_shown_knows_every_kind_and_state_of_the_core() -> None:
    assert list(VERBS) == list(EFFECT_KINDS)
    assert set(states.STATES) == set(STATES)
    assert set(STATES) >= END_STATES | WAITING_STATES | states.UNSIGNED
    assert not END_STATES & (states.UNSIGNED | states.PENDING)
    assert LEAVING_EFFECTS <= MEASURED_EFFECTS
    assert not OPAQUE_EFFECTS & MEASURED_EFFECTS
    assert "eth_sendTransaction" in SIGNING_METHODS
    assert CODE_AGE_MS_MAX == 5 * 60 * 1000
