"""The laws of docs/architecture.md that neither ruff nor import-linter checks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for package in ("daemon", "rules", "storage")
    for path in (ROOT / package).rglob("*.py")
}


def imported(tree: ast.Module) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    ("library", "doors"),
    [
        ("httpx", {"daemon/fetch.py"}),
        ("apprise", {"daemon/channels.py"}),
        ("apscheduler", {"daemon/timers.py"}),
        ("prometheus_client", {"daemon/metrics.py"}),
        ("yaml", {"daemon/marked.py"}),
        ("openpyxl", {"daemon/workbook.py"}),
        ("matplotlib", {"daemon/drawing.py"}),
        ("dotenv", {"daemon/envfile.py"}),
        ("jinja2", {"daemon/templates.py"}),
        ("requests", {"daemon/replies.py"}),
        ("smtplib", {"daemon/replies.py"}),
        ("sqlmodel", {"storage"}),
        ("sqlalchemy", {"storage"}),
        ("alembic", {"storage"}),
        ("zstandard", {"storage"}),
        ("starlette", {"daemon/web.py", "daemon/simulator"}),
        ("uvicorn", {"daemon/web.py", "daemon/simulator"}),
        ("typer", {"daemon/cli.py", "daemon/commands"}),
    ],
)
def test_a_library_has_one_door(library, doors):
    users = {path.relative_to(ROOT).as_posix() for path, tree in MODULES.items() if library in imported(tree)}
    strangers = {user for user in users if not any(user == door or user.startswith(f"{door}/") for door in doors)}
    assert users, f"nothing uses {library}: it should go"
    assert not strangers


def test_nine_functions_in_ten_are_under_thirty_lines_and_none_over_fifty():
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for path, tree in MODULES.items()
        if "migrations" not in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[int(len(lengths) * 0.9)] < 30
    assert lengths[-1] <= 50


def test_no_file_is_longer_than_four_hundred_lines():
    long = {str(path): lines for path in MODULES if (lines := path.read_text(encoding="utf-8").count("\n")) > 400}
    assert not long


def test_no_test_folder_is_a_package_that_could_shadow_one_of_ours():
    assert not list((ROOT / "tests").rglob("__init__.py"))
