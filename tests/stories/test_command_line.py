"""``numberdesk COMMAND``, for whoever looks from a terminal, while the app runs or before it does."""

import ast
import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import cli, life
from bot.texts import Texts
from storage.models import Event
from tests.house.tree import ROOT, python_files
from tests.stories.stage import Person, Stage, asks
from tests.stories.terminal import Terminal

# the record, and a purchase's life


async def test_a_life_is_told_in_sentences_in_either_language(
    stage: Stage, requester: Person, approver: Person, terminal: Terminal
) -> None:
    terminal.sets(DATABASE_URL=stage.environment["DATABASE_URL"])
    number = await asks(requester, purpose="Reminders for <patients> & staff")
    card = await stage.card("awaiting_approval")
    await approver.clicks(card, "approve")
    await stage.card("complete")
    purchase_id = card["metadata"]["event_payload"]["id"]
    code, out, _ = await terminal.types("explain", purchase_id)
    told = [line.partition("  ")[2] for line in out.splitlines()[1:]]
    assert code == 0 and purchase_id in out.splitlines()[0]
    assert told[0] == "Rita Requester asked for a number: Reminders for <patients> & staff"
    spaced, version = Texts.phone(number), stage.app.policy.version
    assert f"Ada Approver approved quote 1 by the rule “approve” of policy version {version}." in told
    assert told.index(f"{spaced} was bought for $1.15 a month.") > told.index(
        f"The order for {spaced} at $1.15 a month was written down, and sent to Twilio."
    )
    assert "The number is in its messaging service." in told
    for name in (number, spaced):
        assert (await terminal.types("explain", name))[1] == out, "a number is as good as an id"
    _, japanese, _ = await terminal.types("explain", purchase_id, "--language", "ja")
    told_ja = japanese.splitlines()[1:]
    assert len(told_ja) == len(told)
    assert all(re.search("[ぁ-ん]", line) for line in told_ja), japanese


async def test_the_record_as_a_sheet_calculates_nothing_that_people_typed(
    stage: Stage, requester: Person, approver: Person, terminal: Terminal
) -> None:
    terminal.sets(DATABASE_URL=stage.environment["DATABASE_URL"])
    number = await asks(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "deny")
    reason = '=HYPERLINK("https://elsewhere.example","Click")'
    await approver.submits(reason=reason)
    await stage.card("denied")
    code, out, _ = await terminal.types("record", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and [each["reason"] for each in rows if each["what"] == "denied"] == [f"'{reason}"]
    (quote,) = [each for each in rows if each["what"] == "quote"]
    assert quote["phone_number"] == f"'{number}" and quote["price"] == "1.15"
    assert json.loads(quote["details"])["phone_number"] == number
    as_lines = (await terminal.types("record"))[1].splitlines()
    assert [json.loads(each)["no"] for each in as_lines] == [int(each["no"]) for each in rows]


async def test_the_record_begins_where_it_is_told_to(
    stage: Stage, requester: Person, terminal: Terminal
) -> None:
    terminal.sets(DATABASE_URL=stage.environment["DATABASE_URL"])
    await asks(requester)
    await stage.card("awaiting_approval")
    whole = (await terminal.types("record"))[1].splitlines()
    last = datetime.fromisoformat(json.loads(whole[-1])["at"])
    for since, lines in ((last - timedelta(days=1), whole), (last + timedelta(seconds=1), [])):
        assert (await terminal.types("record", "--since", since.isoformat()))[1].splitlines() == lines
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert (await terminal.types("record", "--since", tomorrow))[:2] == (0, "")


@pytest.mark.parametrize("cell", ["=1+1", "+41", "-1", "@SUM(A1)", "\t=1", "＝1"])
def test_a_cell_that_begins_as_a_formula_does_is_text(cell: str) -> None:
    assert cli.defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["Reminders", "1.15", 3, "a=b"])
def test_any_other_cell_stays_as_it_is(cell: str | int) -> None:
    assert cli.defused(cell) == str(cell)


def test_everything_that_may_happen_to_a_purchase_has_its_sentence() -> None:
    """``Happened("what", ...)``, what the WhatsApp room saves, and the events of the steps."""
    written = set()
    for file in python_files("bot", "storage"):
        for call in ast.walk(ast.parse(file.read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func).rpartition(".")[2]
            at = {"Happened": 0, "Step": 1, "_save": 2, "_go_on": 1, "_leave": 2}.get(name)
            literal = call.args[at] if at is not None and len(call.args) > at else None
            if isinstance(literal, ast.Constant) and isinstance(literal.value, str):
                written.add(literal.value)
    of_the_account = {"unexplained_number", "bundle_begun", "bundle_submitting", "bundle_deleted"}
    of_the_account |= {"renewal_begun", "renewal_replacing", "renewal_refused", "bundle_renewed"}
    assert len(written) > 30 and written - life.SENTENCES.keys() - of_the_account == set()


async def test_a_line_without_a_sentence_is_told_by_its_word(stage: Stage, requester: Person) -> None:
    """As of a newer Number Desk."""
    await asks(requester)
    card = await stage.card("awaiting_approval")
    purchase = await stage.store.purchase(card["metadata"]["event_payload"]["id"])
    event = Event(workspace_id="T0", what="teleported", happened_at=datetime.now(UTC))
    assert Texts("en").plain(life.sentence(event, purchase)) == "teleported"


# what people get wrong


async def test_a_request_that_nobody_knows_is_said_so(stage: Stage, terminal: Terminal) -> None:
    terminal.sets(DATABASE_URL=stage.environment["DATABASE_URL"])
    assert await terminal.types("explain", "nosuch") == (
        1,
        "",
        "There is no request nosuch in this database.\n",
    )
    assert "データベース" in (await terminal.types("explain", "nosuch", "--language", "ja"))[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuch",),
        ("record", "--format", "xls"),
        ("record", "--since", "yesterday"),
        ("record", "--after", "first"),
        ("explain",),
        ("check-policy",),
    ],
    ids=" ".join,
)
async def test_a_command_that_is_wrong_says_how_it_is_used(
    arguments: tuple[str, ...], terminal: Terminal
) -> None:
    code, out, err = await terminal.types(*arguments)
    assert (code, out) == (2, "") and err.startswith("usage: numberdesk")


@pytest.mark.parametrize("command", [("record",), ("explain", "x")])
async def test_a_database_that_is_not_there_is_named(
    command: tuple[str, ...], terminal: Terminal, tmp_path: Path
) -> None:
    terminal.sets(DATABASE_URL=f"sqlite:///{tmp_path}/none.db")
    code, out, err = await terminal.types(*command)
    assert (code, out) == (1, "") and err.startswith("DATABASE_URL: ") and "numberdesk migrate" in err
    terminal.sets(DATABASE_URL="mysql://user:pass-word@host/name")
    code, _, err = await terminal.types(*command)
    assert code == 1 and err.startswith("DATABASE_URL: ") and "pass-word" not in err


async def test_migrate_brings_the_database_up_to_date(terminal: Terminal, tmp_path: Path) -> None:
    terminal.sets(DATABASE_URL=f"sqlite:///{tmp_path}/100%25/new.db")
    code, out, _ = await terminal.types("migrate")
    assert code == 0 and "newest migration" in out
    assert (await terminal.types("record"))[:2] == (0, "")


async def test_a_policy_is_checked_before_it_is_used(terminal: Terminal, tmp_path: Path) -> None:
    code, out, _ = await terminal.types("check-policy", str(ROOT / "sandbox/policy.toml"))
    assert code == 0 and "can be used (version " in out
    file = tmp_path / "policy.toml"
    file.write_text('[approve]\npeople = "U1"\napprovals = 0\n[aks]\n')
    code, out, err = await terminal.types("check-policy", str(file))
    assert (code, out) == (1, "") and len(err.splitlines()) == 3
    assert all(line.startswith(f"POLICY_FILE: {file}, ") for line in err.splitlines())
    file.write_text('[approve]\npeople = ["U1"]\n[papers]\n')
    code, out, _ = await terminal.types("check-policy", str(file))
    assert code == 0 and "[bundles]" in out, "an old name goes on working, and is told"


async def test_everything_is_moved_to_another_database_once_the_app_has_stopped(
    stage: Stage, requester: Person, terminal: Terminal, tmp_path: Path
) -> None:
    old, new = stage.environment["DATABASE_URL"], f"sqlite:///{tmp_path}/new.db"
    terminal.sets(DATABASE_URL=old)
    await asks(requester)
    card = await stage.card("awaiting_approval")
    code, _, err = await terminal.types("migrate", "--to", new)
    assert code == 1 and "only one may run" in err
    await stage.stop_app()
    code, out, _ = await terminal.types("migrate", "--to", new)
    assert code == 0 and "purchases: 1" in out and "compared" in out
    code, _, err = await terminal.types("migrate")
    assert code == 1 and "was moved to another one" in err
    await stage.start_app(DATABASE_URL=new)
    await stage.person("approver").clicks(card, "approve")
    await stage.card("complete")
    code, _, err = await terminal.types("migrate", "--to", "mysql://user:pass-word@host/name")
    assert code == 1 and err.startswith("DATABASE_URL: ") and "was moved" in err
    terminal.sets(DATABASE_URL=f"sqlite:///{tmp_path}/third.db")
    await terminal.types("migrate")
    for target in ("mysql://user:pass-word@host/name", new):
        code, _, err = await terminal.types("migrate", "--to", target)
        assert code == 1 and err.startswith("--to: nothing was moved. ") and "pass-word" not in err
