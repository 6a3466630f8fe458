"""Whatever the database holds has a phrase that says what it is: tables, columns, and every state."""

import ast
import inspect
import itertools

from sqlmodel import SQLModel

from storage import models
from storage.models import Barred, IfGone, Service, State, WhatsApp
from tests.house.tree import ROOT

TABLES = [
    each
    for each in vars(models).values()
    if inspect.isclass(each) and issubclass(each, SQLModel) and hasattr(each, "__table__")
]


def test_every_table_has_its_phrase() -> None:
    assert len(TABLES) > 10
    assert [
        each.__name__ for each in TABLES if not (each.__doc__ or "").strip().endswith((".", "``)."))
    ] == []


def test_every_column_has_its_phrase() -> None:
    silent = [
        f"{each.__name__}.{name}"
        for each in TABLES
        for name, field in each.model_fields.items()
        if not field.description
    ]
    assert silent == []


def test_every_state_has_its_phrase() -> None:
    """The string that stands below it."""
    tree = ast.parse((ROOT / "storage/models.py").read_text())
    for kind in (State, Service, IfGone, Barred, WhatsApp):
        body = next(
            each.body for each in tree.body if isinstance(each, ast.ClassDef) and each.name == kind.__name__
        )
        said = [
            each.targets[0].id
            for each, below in itertools.pairwise(body)
            if isinstance(each, ast.Assign)
            and isinstance(each.targets[0], ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ]
        assert said == [each.name for each in kind], kind.__name__
