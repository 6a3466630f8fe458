"""Who may import whom: storage <- bot <- handlers <- bot/app.py, and the sandbox is reached over the wire only."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOT, python_files

MAY = {
    "storage": {"storage"},
    "bot": {"storage", "bot"},
    "handlers": {"storage", "bot", "handlers"},
    "sandbox": {"sandbox"},
    "bot.app": {"storage", "bot", "handlers"},
}
OURS = {"storage", "bot", "handlers", "sandbox", "tests"}
MAY_NAME_THE_APP = {"bot.__main__"}
"""Besides tests: ``bot/app.py`` stands on top, nothing stands on it."""


def imported(module: str, source: str) -> Iterator[str]:
    """Every module that the source names, and every name that it takes from one: a name may be a module too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")[: -node.level]
                base = ".".join([*package, base] if base else package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def forbidden(module: str, source: str) -> list[str]:
    may = MAY.get(module) or MAY[module.split(".")[0]]
    found = set(imported(module, source))
    wrong = {each for each in found if (top := each.split(".")[0]) in OURS and top not in may}
    if module not in MAY_NAME_THE_APP:
        wrong |= {each for each in found if each == "bot.app" or each.startswith("bot.app.")}
    return sorted(wrong)


def test_every_import_goes_downwards() -> None:
    wrong = {}
    for file in python_files("storage", "bot", "handlers", "sandbox"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if found := forbidden(module, file.read_text()):
            wrong[module] = found
    assert wrong == {}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("storage.store", "from bot.twilio.numbers import available"),
        ("storage.store", "def f():\n    import bot.numbers"),
        ("bot.steps", "from handlers import card"),
        ("bot.steps", "import handlers.card as c"),
        ("bot.steps", "from bot.app import running"),
        ("handlers.card", "from bot import app"),
        ("handlers.card", "from sandbox.environment import settings"),
        ("handlers.buy.find", "from tests import stage"),
        ("sandbox.demo", "from bot.settings import Settings"),
        ("sandbox.demo", "import storage"),
        ("bot.app", "import sandbox"),
        ("bot.steps", "from .app import running"),
    ],
)
def test_an_import_that_goes_upwards_is_found(module: str, source: str) -> None:
    assert forbidden(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bot.steps", "from storage import models\nfrom .numbers import owned\nimport asyncio"),
        ("handlers.card", "from bot.purchases.policy import Policy"),
        ("bot.app", "from handlers import card\nfrom storage.store import Store"),
        ("bot.__main__", "from bot.app import main"),
    ],
)
def test_an_import_that_goes_downwards_is_not(module: str, source: str) -> None:
    assert forbidden(module, source) == []


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Each way that leads back to where it began, once."""
    found: list[list[str]] = []
    done: set[str] = set()

    def follow(module: str, way: list[str]) -> None:
        if module in way:
            found.append([*way[way.index(module) :], module])
            return
        if module in done:
            return
        for each in sorted(imports.get(module, ())):
            follow(each, [*way, module])
        done.add(module)

    for module in sorted(imports):
        follow(module, [])
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Also not for types alone, nor inside a function: who reads one has to be able to read it without the other."""
    files = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): file
        for file in python_files("storage", "bot", "handlers")
    }
    imports = {
        module: {each for each in imported(module, file.read_text()) if each in files and each != module}
        for module, file in files.items()
    }
    assert circles(imports) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c", "a"]]
