"""What no file of the project may hold: addresses of package registries, paths of one machine, test doubles."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from bot.twilio import console
from tests.house.tree import ROOT, files, name, python_files

FOLDERS = ("bot", "handlers", "storage", "sandbox", "tests")

# put together, so that this file does not name them either
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("yarnpkg", "com"))
)
HOME = re.compile(r"(?<![\w.~}-])/(root|home/[a-z]\w*|Users/\w+)(?![\w-])")


def lines() -> list[tuple[str, str]]:
    """``(file:line, text)`` of every text file but this one, which holds what it looks for."""
    found = []
    for file in files():
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue  # a picture
        if file.name != Path(__file__).name:
            found += [(f"{name(file)}:{number}", line) for number, line in enumerate(text.splitlines(), 1)]
    return found


def test_no_file_names_a_package_registry() -> None:
    """Whoever installs it may have a mirror, and nothing else."""
    assert [where for where, line in lines() if any(host in line for host in REGISTRIES)] == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert [where for where, line in lines() if HOME.search(line) or f"{ROOT}/" in line] == []


@pytest.mark.parametrize("line", ["cd /root/app", 'open("/home/ann/x")', "PATH=/Users/Ann/bin", "x: /root"])
def test_a_path_of_a_machine_is_found(line: str) -> None:
    assert HOME.search(line)


@pytest.mark.parametrize("line", ["/rooted/x", "https://a.example/home/ann/", "~/home/x", "/home", "/root-x"])
def test_what_only_looks_like_one_is_not(line: str) -> None:
    assert not HOME.search(line)


def doubles(source: str) -> list[str]:
    """Stand-ins for our own code. A test goes over the wire instead, to a twin or a server of its own."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if MOCKS.match(alias.name)]
        elif isinstance(node, ast.ImportFrom):
            named = (f"{node.module}.{alias.name}" for alias in node.names)
            found += [each for each in named if MOCKS.match(each)]
        elif isinstance(node, ast.Attribute) and MONKEYPATCHED.fullmatch(said := ast.unparse(node)):
            found.append(said)
        elif isinstance(node, ast.arg) and node.arg == "mocker":
            found.append(node.arg)
    return found


MOCKS = re.compile(r"(unittest\.mock|mock|pytest_mock|aioresponses|responses|respx)(\.|$)")
MONKEYPATCHED = re.compile(r"monkeypatch\.(set|del)(attr|item)")
"""``monkeypatch.setenv`` and ``chdir`` set a test's surroundings, which is something else."""


def test_no_test_makes_doubles_of_our_code() -> None:
    found = {name(file): doubles(file.read_text()) for file in python_files("tests")}
    assert {file: each for file, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from unittest.mock import patch",
        "from unittest import mock",
        "import unittest.mock as m",
        "def test(monkeypatch):\n    monkeypatch.setattr(a, 'b', c)",
        "def test(mocker): ...",
    ],
)
def test_a_double_is_found(source: str) -> None:
    assert doubles(source)


def test_an_environment_of_its_own_is_no_double() -> None:
    assert doubles("def test(monkeypatch):\n    monkeypatch.setenv('A', 'b')") == []


def test_there_is_no_place_for_leftovers() -> None:
    """A file is a screen, a resource or a duty, never a kind of code."""
    kinds = {"utils", "util", "helpers", "common", "misc", "views", "constants"}
    ours = python_files(*FOLDERS)
    assert [name(each) for each in ours if kinds & {*each.parts[:-1], each.stem}] == []


def test_no_listener_is_lazy() -> None:
    """Bolt's lazy listeners swallow errors and die with the process: ``app.later`` takes their place."""
    lazy = [
        f"{name(file)}:{node.value.lineno}"
        for file in python_files("bot", "handlers")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "lazy"
    ]
    assert lazy == []


def test_git_ignores_nothing_that_the_project_needs() -> None:
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "status", "--porcelain", "--ignored", "-z", *FOLDERS],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    ignored = [line[3:] for line in listed.split("\0") if line.startswith("!!")]
    assert [each for each in ignored if not each.endswith(("__pycache__/", ".pyc"))] == []


CONSOLE = "bot/twilio/console.py"


def test_every_address_of_twilios_console_stands_in_one_place() -> None:
    """Twilio moves its pages: there they are looked up, and nowhere else."""
    places = {
        name(file) for file in python_files("bot", "handlers") if "console.twilio.com" in file.read_text()
    }
    assert places == {CONSOLE}


def test_every_page_of_the_console_belongs_to_the_new_one_and_is_used() -> None:
    pages = {
        each: page for each, page in vars(console).items() if each.isupper() and not each.startswith("_")
    }
    pages["messaging_service"] = console.messaging_service("MG0")
    old = [each for each, page in pages.items() if not page.startswith("https://1console.twilio.com")]
    assert old == []
    code = "".join(file.read_text() for file in python_files("bot", "handlers"))
    assert [each for each in pages if f"console.{each}" not in code] == []
