"""``python -m tests.chaos.app``: the app as ``python -m bot`` runs it, but slow between the intent and the paid call, where it is to be frozen.

``--without-epoch``: and without what keeps two workers apart (rule 10). Chaos has to notice that.
"""

import asyncio
import sys
from typing import Any

from bot.app import main
from bot.office import Office
from storage.office import OfficeRow
from storage.work import Work

PAUSE = 0.25


def slow_after_the_intent() -> None:
    intend = Work.intend_to_buy

    async def slowly(*given: Any) -> Any:
        purchase = await intend(*given)
        await asyncio.sleep(PAUSE)
        return purchase

    Work.intend_to_buy = slowly  # type: ignore[method-assign]


def without_the_epoch() -> None:
    async def always(*_: Any) -> None: ...

    OfficeRow.in_office = always  # type: ignore[method-assign]
    Office.check = lambda _: None  # type: ignore[method-assign]


if __name__ == "__main__":
    slow_after_the_intent()
    if "--without-epoch" in sys.argv:
        without_the_epoch()
    main()
