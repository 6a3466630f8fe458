"""`/twilio doctor`: for operators, what of the installation is well, and how the rest is mended."""

from bot.doctor import examine
from bot.doctor.probe import Finding, Mark
from bot.errors import NotAnOperator
from bot.texts import N_, Texts
from handlers import blocks, loading, rich
from handlers.blocks import View
from handlers.turn import Turn

ORDER = (Mark.MEND, Mark.ADVICE, Mark.UNSEEN, Mark.FINE)
MOST = 60
"""Lines that are shown at most: beside the headings they stay within Slack's 100 blocks."""
OUTSIDE = N_(
    "What only a look from outside can tell is left to `numberdesk doctor`: the environment, and who else is connected."
)


async def opened(turn: Turn) -> None:
    if not await turn.app.policy.is_operator(turn.person_id, turn.app.people):
        raise NotAnOperator()

    async def work(_: str) -> View:
        return page(await examine.examine_from_inside(turn.app, turn.client), turn.t)

    await loading.behind(turn, turn.t("Looking at the installation…"), work)


def page(findings: list[Finding], t: Texts) -> View:
    """What has to be mended comes first."""
    shown = []
    for each in sorted(findings, key=lambda each: ORDER.index(each.mark))[:MOST]:
        line = [rich.text(f"{each.mark} ", bold=True), *rich.said(each.said, t, {})]
        if each.mend is not None:
            line += [rich.text(" "), *rich.said(each.mend, t, {})]
        shown.append(rich.block(rich.section(*line)))
    if examine.is_well(findings):
        shown.insert(0, blocks.section(t("Nothing has to be mended.")))
    return blocks.modal("doctor", t("Doctor"), [*shown, blocks.context(t(OUTSIDE))], close=t("Close"))
