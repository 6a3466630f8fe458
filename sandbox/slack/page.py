from typing import Any


def add_page(app: Any, workspace: Any) -> None:
    pass
