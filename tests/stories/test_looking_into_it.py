"""Looking into the running app: its log, its figures, its traces, and what the operators hear of a failure."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.house.tree import ROOT
from tests.stories import filling
from tests.stories.filling import TYPED
from tests.stories.process import AppProcess
from tests.stories.stage import PEOPLE, Person, Stage, asks, until
from tests.stories.stage import stage as set_stage

OPERATORS = "C0OPERATORS"
RECIPIENT = "+14155550177"


async def metrics(port: int) -> dict[str, float]:
    """``{name{labels}: value}``"""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.status == 200 and answer.content_type == "text/plain"
        lines = (await answer.text()).splitlines()
    return {
        name: float(value) for name, _, value in (each.rpartition(" ") for each in lines if each[0] != "#")
    }


def of(figures: dict[str, float], name: str, **labels: str) -> float:
    """The sum of those that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value
        for key, value in figures.items()
        if key.partition("{")[0] == name and all(w in key for w in wanted)
    )


# the log


async def test_every_line_of_a_purchases_way_names_it_those_of_libraries_too(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    purchase_id = card["metadata"]["event_payload"]["id"]
    stage.log.lines.clear()
    await approver.clicks(card, "approve")
    await stage.card("complete")
    said = stage.log.said()
    steps = [each["purchase"] for each in said if re.fullmatch("the step .* is done", each["event"])]
    assert steps and set(steps) == {purchase_id}
    bought = [
        each for each in said if each.get("method") == "POST" and "IncomingPhoneNumbers" in each["address"]
    ]
    assert [(each["purchase"], each["answer"]) for each in bought] == [(purchase_id, "201")]


async def test_what_one_person_does_is_one_turn_and_names_the_request(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    policy, stage.app.policy = stage.app.policy, None  # type: ignore[assignment]
    stage.log.lines.clear()
    await approver.clicks(card, "approve")
    await requester.clicks(card, "withdraw")
    stage.app.policy = policy
    failed = [each for each in stage.log.said() if each["event"].startswith("what somebody did")]
    assert {each["purchase"] for each in failed} == {card["metadata"]["event_payload"]["id"]}
    assert len({each["turn"] for each in failed}) == len(failed) == 2


@pytest.mark.parametrize(("given", "is_json"), [({}, True), ({"LOG_FORMAT": "text"}, False)])
async def test_outside_a_terminal_the_log_is_json_unless_it_is_told_otherwise(
    given: dict[str, str], is_json: bool, tmp_path: Path
) -> None:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        app = AppProcess({**stage.environment, **given}, stage.slack, tmp_path / "app.log", level="INFO")
        await app.start()
        log = tmp_path / "app.log"
        await until(lambda: "Number Desk is ready" in log.read_text(), "it says that it is ready")
        assert await app.stop() == 0
    lines = log.read_text().splitlines()
    assert all(each.startswith("{") == is_json for each in lines)
    if is_json:
        assert all({"timestamp", "level", "logger", "event"} <= json.loads(each).keys() for each in lines)


# secrets and people


@contextlib.asynccontextmanager
async def collector() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Takes what OpenTelemetry sends: its address, and all that was sent, heads included."""
    taken: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        taken.append(await request.read())
        return web.Response(body=b"", content_type="application/x-protobuf")

    server = web.Application()
    server.router.add_post("/v1/traces", take)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = runner.addresses[0]
    try:
        yield f"http://127.0.0.1:{address[1]}", taken
    finally:
        await runner.cleanup()


SECRETS = {
    "SLACK_SIGNING_SECRET": "planted-signing-secret",
    "TWILIO_AUTH_TOKEN": "sandbox-auth-token",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=planted-collector-key",
}


async def test_no_secret_and_no_person_is_in_the_log_the_figures_the_traces_or_an_error(
    port: int, tmp_path: Path
) -> None:
    """At the most talkative level, through a bundle, a purchase, a test message, and failures of every party."""
    async with set_stage(tmp_path) as stage, collector() as (endpoint, taken):
        await stage.stop_app()
        stage.environment |= {
            **SECRETS,
            "PORT": str(port),
            "METRICS": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        }
        app = AppProcess(stage.environment, stage.slack, tmp_path / "app.log", level="DEBUG")
        await app.start()
        requester, approver = stage.person("requester"), stage.person("approver")
        await filling.makes(stage, stage.person("compliance"), "GB", "mobile", "business")
        await asks(requester, purpose="Reminders for Walburga Zwetschgenstiel")
        await stage.twilio.post("faults", method="POST", path="*/Services", times=1, fault={"status": 503})
        await approver.clicks(await stage.card("awaiting_approval"), "approve")
        card = await stage.card("complete")
        await requester.clicks(card, "test")
        await requester.view("card.test")
        await requester.submits(to=RECIPIENT)
        await stage.in_thread(card, "test message")
        figures = await metrics(port)
        assert await app.stop() == 0
    log = (tmp_path / "app.log").read_bytes()
    assert b"called Twilio" in log and b"/Messages.json" in log, "it was written"
    assert taken and any(b"POST IncomingPhoneNumbers" in each for each in taken), "it was traced"
    texts = "\n".join(figures).encode()
    config = stage.environment
    secrets = [config[name] for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "TWILIO_API_SECRET")]
    secrets += [each.removeprefix("authorization=") for each in SECRETS.values()]
    people = [*PEOPLE.values(), "Walburga", "Ada Approver", "Rita Requester", RECIPIENT, RECIPIENT[1:]]
    people += [each for each in TYPED.values() if len(each) > 6]
    kept = {"the log": log, "the figures": texts, "the traces": b"\n".join(taken)}
    found = [
        (each, where) for each in (*secrets, *people) for where, text in kept.items() if each.encode() in text
    ]
    assert found == []


# figures


@pytest.fixture
async def measured(port: int, tmp_path: Path) -> AsyncIterator[Stage]:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        await stage.start_app(PORT=str(port), METRICS="true")
        yield stage


async def test_the_figures_count_what_was_done_and_say_what_waits(measured: Stage, port: int) -> None:
    stage = measured
    requester, approver = stage.person("requester"), stage.person("approver")
    await asks(requester)
    card = await stage.card("awaiting_approval")
    waiting = await metrics(port)
    assert of(waiting, "numberdesk_purchases_waiting", state="awaiting_approval") == 1
    assert of(waiting, "numberdesk_purchases_oldest_seconds", state="awaiting_approval") > 0
    assert of(waiting, "numberdesk_steps_total") == 0 and of(waiting, "numberdesk_worker") == 1
    await approver.clicks(card, "approve")
    await stage.card("complete")

    async def read() -> bool:
        return (await metrics(port))["numberdesk_poll_lag_seconds"] < 60

    await until(read, "the bundles were read")
    figures = await metrics(port)
    count = "numberdesk_acknowledgement_seconds_count"
    assert of(figures, count, kind="command", outcome="200") == 1
    assert of(figures, count, kind="view_submission") >= 3 and of(figures, count, kind="block_actions") >= 1
    assert of(figures, "numberdesk_steps_total", step="phone_number_sid", outcome="done") == 1
    calls = "numberdesk_calls_total"
    assert of(figures, calls, platform="twilio", method="POST IncomingPhoneNumbers", outcome="201") == 1
    assert of(figures, calls, platform="slack", method="chat.postMessage", outcome="ok") >= 2
    assert of(figures, "numberdesk_deliveries_total", kind="card", outcome="delivered") >= 2
    assert of(figures, "numberdesk_purchases_waiting", state="awaiting_approval") == 0


async def test_what_slack_is_owed_is_counted_while_it_is_away(measured: Stage, port: int) -> None:
    stage = measured
    stage.expected_refusals.append("internal_error")
    await stage.slack.post("faults", method="chat.postMessage", times=99, fault={"error": "internal_error"})
    await asks(stage.person("requester"))

    async def owed() -> bool:
        figures = await metrics(port)
        return (
            of(figures, "numberdesk_outbox_rows") >= 2
            and of(figures, "numberdesk_outbox_oldest_seconds") > 0
            and of(figures, "numberdesk_calls_total", method="chat.postMessage", outcome="internal_error") > 0
            and of(figures, "numberdesk_deliveries_total", kind="card", outcome="failed") > 0
        )

    await until(owed, "what is owed is counted")


async def test_what_was_counted_is_told_while_the_database_is_away(measured: Stage, port: int) -> None:
    await measured.person("requester").types("help")
    await measured.running.worker.stop(grace=10)
    await measured.running.courier.stop(grace=5)
    async with measured.store.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE outbox RENAME TO away")
    figures = await metrics(port)
    assert figures["numberdesk_outbox_rows"] != figures["numberdesk_outbox_rows"], "not a number"
    assert of(figures, "numberdesk_acknowledgement_seconds_count", kind="command") == 1
    async with measured.store.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE away RENAME TO outbox")


async def test_a_label_has_few_values_whatever_numbers_and_people_there_are(
    measured: Stage, port: int
) -> None:
    await asks(
        measured.person("requester"),
        "GB",
        number_type="local",
        end_user={"end_user_type": "business", "bundle": "later"},
    )
    for key in await metrics(port):
        assert not re.search(r"[A-Z]{2}[0-9a-f]{32}|\+?\d{6,}|[UC]0[A-Z]+|/(US|GB)", key), key


async def test_without_the_setting_there_are_no_figures(port: int, tmp_path: Path) -> None:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        await stage.start_app(PORT=str(port))
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            assert answer.status == 404


async def test_nothing_of_metrics_and_traces_is_loaded_where_they_are_off() -> None:
    look = "import sys, bot.app; print([m for m in sys.modules if m.startswith(('opentelemetry', 'prometheus'))])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", look, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


# traces


async def test_a_collector_that_is_away_holds_up_neither_the_work_nor_the_end(tmp_path: Path) -> None:
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        environment = {**stage.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
        app = AppProcess(environment, stage.slack, tmp_path / "app.log")
        await app.start()
        await asks(stage.person("requester"))
        await stage.card("awaiting_approval")
        assert await app.stop() == 0


async def test_without_the_extra_the_start_says_what_to_install(tmp_path: Path) -> None:
    """As where OpenTelemetry is not installed: what is found in its place has nothing in it."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "opentelemetry.py").touch()
    async with set_stage(tmp_path) as stage:
        await stage.stop_app()
        environment = {
            **stage.environment,
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
            "PYTHONPATH": str(tmp_path / "without"),
        }
        ended = await AppProcess(environment, stage.slack, tmp_path / "app.log", fresh=True).run()
    assert ended.code == 1 and ended.said.startswith("OTEL_EXPORTER_OTLP_ENDPOINT: needs the extra")


# what the operators hear


async def alarms(stage: Stage) -> list[str]:
    return [each["text"] for each in await stage.messages(OPERATORS) if "look for" in each["text"]]


async def test_a_failure_is_told_once_however_often_it_is_met_with_the_reference_of_the_log(
    stage: Stage, requester: Person, approver: Person, approver2: Person
) -> None:
    await asks(requester)
    card = await stage.card("awaiting_approval")
    policy, stage.app.policy = stage.app.policy, None  # type: ignore[assignment]
    answers = [await each.clicks(card, "approve") for each in (approver, approver2, approver)]
    stage.app.policy = policy
    told = {answer["shown"][0]["text"] for answer in answers}
    (reference,) = {text.partition("(")[2].partition(")")[0] for text in told}
    assert re.fullmatch("[0-9a-f]{6}", reference)

    async def alarmed() -> Any:
        return [each for each in await alarms(stage) if reference in each]

    await until(alarmed, "the operators are told")
    in_log = [each for each in stage.log.said() if reference in each["event"]]
    assert len(in_log) == 3 and all("Traceback" in each["exception"] for each in in_log)
    await approver.clicks(card, "approve")
    await stage.card("complete")
    assert len(await alarmed()) == 1


async def test_what_fails_behind_peoples_backs_is_told_too(stage: Stage) -> None:
    async def fails() -> None:
        raise KeyError("a defect of ours")

    stage.running.worker.every(0.1, fails)
    await stage.running.worker.stop(grace=10)
    await stage.running.worker.start()
    await until(lambda: alarms(stage), "the operators are told")
    (alarm,) = await alarms(stage)
    (reference,) = re.findall("[0-9a-f]{6}", alarm)
    assert any(reference in each["event"] for each in stage.log.said())
