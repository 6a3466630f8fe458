"""What an operator and a fresh machine rely on: settings, Twilio's callback, policy, pinned dependencies, make."""

import ensurepip
import importlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from bot.bundles.memory import REASONS, BundleMemory
from bot.bundles.watch import Watch
from bot.purchases import policy as approval
from bot.purchases.policy import EXAMPLES, Approve, Ask, Bundles, Operators, Policy, Release, Rule
from bot.purchases.policy.limits import Limits
from bot.purchases.policy.rules import Stage
from bot.purchases.policy.waiting import Emergency, Hours, StandIn, Waiting
from bot.settings import BUNDLES_PATH, Settings
from bot.twilio.callbacks import is_twilio
from sandbox.environment import settings as sandbox_settings
from tests.house.tree import ROOT, files, name

EXAMPLE = (ROOT / ".env.example").read_text()
TOML = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYPROJECT, TOOL = TOML["project"], TOML["tool"]

# settings


def settings_named(example: str) -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z_]*)=", example, re.MULTILINE)


def test_every_setting_is_in_the_example_once_and_no_other() -> None:
    assert sorted(settings_named(EXAMPLE)) == sorted(name.upper() for name in Settings.model_fields)


def test_every_setting_has_a_sentence_above_it() -> None:
    explained = False
    without = []
    for line in EXAMPLE.splitlines():
        if settings_named(line):
            if not explained:
                without += settings_named(line)
            explained = explained and line.startswith("TWILIO_API_KEY=")  # one sentence for it and its secret
        else:
            explained = line.startswith("# ") and not line.startswith("# ---")
    assert without == []


def test_the_example_holds_no_secret() -> None:
    secret = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
    }
    assert len(secret) > 3, "there are some"
    assert [line for line in EXAMPLE.splitlines() if re.match(rf"#?({'|'.join(secret)})=.", line)] == []


def test_what_the_example_sets_is_what_would_be_so_anyway() -> None:
    values = dict(re.findall(r"^([A-Z_]+)=(.+)$", EXAMPLE, re.MULTILINE))
    assert values == {name: str(Settings.model_fields[name.lower()].default) for name in values}


def test_the_sandbox_sets_only_what_the_app_reads() -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert set(sandbox_settings("http://slack", "http://twilio")) - known == set()


# Twilio's callback

TOKEN = "sandbox-auth-token"
CALLED = {"AccountSID": "AC0", "BundleSID": "BU1", "Status": "twilio-rejected", "FailureReason": "Blurred."}


def settings(**changed: str | None) -> Settings:
    """As the sandbox has them; None: not set."""
    named = {name.lower(): value for name, value in sandbox_settings("http://slack", "http://twilio").items()}
    values: dict[str, Any] = {name: each for name, each in (named | changed).items() if each is not None}
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize("public_url", ["https://desk.example", "https://desk.example/"])
def test_twilio_is_told_where_to_call_when_the_app_has_a_public_address(public_url: str) -> None:
    config = settings(public_url=public_url, port="8080")
    assert (
        config.callback_url == f"https://desk.example{BUNDLES_PATH}" == "https://desk.example/twilio/bundles"
    )
    below = settings(public_url="https://example.com/desk/", port="8080")
    assert below.callback_url == "https://example.com/desk/twilio/bundles"
    assert (
        below.message_callback({"purchase": "ab12"})
        == "https://example.com/desk/twilio/messages?purchase=ab12"
    )


@pytest.mark.parametrize("missing", ["public_url", "port", "twilio_auth_token"])
def test_twilio_is_not_asked_to_call_where_nobody_listens_or_can_tell_who_calls(missing: str) -> None:
    whole: dict[str, str | None] = {"public_url": "https://desk.example", "port": "8080"}
    assert settings(**whole).callback_url is not None
    assert settings(**{**whole, missing: None}).callback_url is None


@dataclass
class Some:
    """What the watch asks of the app here."""

    bundle_memory: BundleMemory


def watch() -> tuple[Watch, BundleMemory]:
    nowhere: Any = None  # reasons are in memory: no database is asked
    memory = BundleMemory(nowhere, "T0", "AC0")
    app: Any = Some(memory)
    return Watch(app), memory


BUNDLES = "https://desk.example/twilio/bundles"


def signature(form: dict[str, str], url: str = BUNDLES, token: str = TOKEN) -> str:
    validator: Any = RequestValidator(token)  # type: ignore[no-untyped-call]
    return str(validator.compute_signature(url, form))


def test_a_call_with_twilios_signature_wakes_the_watch_and_its_reason_is_kept() -> None:
    assert is_twilio(settings(), BUNDLES, CALLED, signature(CALLED))
    desk, memory = watch()
    desk.called_back(CALLED)
    assert memory.reason("BU1") == "Blurred." and memory.reason("BU2") is None


@pytest.mark.parametrize(
    ("form", "signed"),
    [
        (CALLED, ""),
        (CALLED, "x" * 28),
        (CALLED, signature(CALLED, token="another token")),
        (CALLED, signature(CALLED, url="https://elsewhere.example/twilio/bundles")),
        ({**CALLED, "FailureReason": "Give your password"}, signature(CALLED)),
        ({**CALLED, "More": "x"}, signature(CALLED)),
    ],
    ids=["none", "made up", "another token", "another address", "another text", "a field more"],
)
def test_nobody_else_can_call_back(form: dict[str, str], signed: str) -> None:
    assert not is_twilio(settings(), BUNDLES, form, signed)


def test_without_the_token_no_call_is_believed() -> None:
    unchecked = settings(twilio_auth_token=None)
    assert not is_twilio(unchecked, BUNDLES, CALLED, signature(CALLED))
    assert not is_twilio(unchecked, BUNDLES, CALLED, signature(CALLED, token=""))


def test_a_call_without_a_reason_leaves_the_one_that_is_known() -> None:
    desk, memory = watch()
    for form in (CALLED, {**CALLED, "FailureReason": ""}, {"BundleSID": "BU1", "Status": "draft"}):
        desk.called_back(form)
    assert memory.reason("BU1") == "Blurred."


def test_only_the_newest_reasons_are_kept() -> None:
    desk, memory = watch()
    for n in range(REASONS + 2):
        form = {**CALLED, "BundleSID": f"BU{n}"}
        desk.called_back(form)
    assert [memory.reason(f"BU{n}") for n in (0, 1)] == [None, None]
    assert all(memory.reason(f"BU{n}") for n in (2, REASONS + 1))


# the policy


def filled_in(example: str) -> str:
    """With ids of somebody's in place of the example's."""
    return re.sub("|".join(EXAMPLES), lambda found: f"{found[0][0]}0FILLEDIN", example)


def test_the_example_policy_lets_everybody_ask_once_it_is_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(filled_in((ROOT / "policy.example.toml").read_text()))
    policy = approval.read(file)
    assert policy.ask.is_empty and policy.ask.except_ == []
    (rule,) = policy.rules
    assert (rule.approvals, rule.own_request, rule.takes_all) == (1, False, True)


def test_every_id_of_the_example_policy_is_refused_as_one() -> None:
    assert set(re.findall(r'"([A-Z0-9]{3,})"', (ROOT / "policy.example.toml").read_text())) == EXAMPLES


def test_every_line_of_the_example_policy_can_be_used() -> None:
    whole = re.sub(r"^#(?=\[|\w+ = )", "", (ROOT / "policy.example.toml").read_text(), flags=re.MULTILINE)
    read = tomllib.loads(whole)
    policy = Policy.model_validate(read)
    parts: tuple[tuple[Any, Any], ...] = (
        (policy, Policy),
        (policy.ask, Ask),
        (policy.bundles, Bundles),
        (policy.release, Release),
        (policy.operators, Operators),
        (policy.rule[0].limits, Limits),
        (policy.limits, Limits),
        (policy.waiting, Waiting),
        (policy.hours, Hours),
        (policy.stand_in[0], StandIn),
        (policy.emergency, Emergency),
    )
    for part, model in parts:
        assert part.model_fields_set == set(model.model_fields), model
    one_stage = {"people", "groups", "channels", "quiet", "approvals"}
    one_stage |= {"own_request", "unasked_under", "release"}
    assert policy.approve is not None and policy.approve.model_fields_set == one_stage
    stages = {name for stage in policy.rule[0].stage for name in stage.model_fields_set}
    assert stages == set(Stage.model_fields)
    rest = policy.rule[0].model_fields_set | one_stage
    assert rest == set(Rule.model_fields) and one_stage < set(Approve.model_fields)


# dependencies


def pinned(file: str) -> dict[str, str]:
    """Version by name, of every line that begins with a name."""
    found = {}
    for line in (ROOT / file).read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            name, is_pinned, rest = line.partition("==")
            assert is_pinned and name not in found, line
            found[str(canonicalize_name(name))] = rest.split()[0]
    return found


def unsatisfied(wanted: list[str], pins: dict[str, str]) -> list[str]:
    requirements = [Requirement(each) for each in wanted]
    return [
        str(each)
        for each in requirements
        if (version := pins.get(str(canonicalize_name(each.name)))) is None or version not in each.specifier
    ]


def test_the_pinned_versions_are_what_pyproject_asks_for() -> None:
    extras = PYPROJECT["optional-dependencies"]
    dev = [each for each in extras["dev"] if not each.startswith(PYPROJECT["name"])]
    assert unsatisfied(PYPROJECT["dependencies"], pinned("requirements.txt")) == []
    everything = [*PYPROJECT["dependencies"], *extras["sandbox"], *dev]
    assert unsatisfied(everything, pinned("requirements-dev.txt")) == []


def test_a_version_that_does_not_satisfy_is_found() -> None:
    pins = {"twilio": "9.12.0", "aiohttp": "3.14.5"}
    assert unsatisfied(["twilio>=9.13", "aiohttp>=3.14", "babel"], pins) == ["twilio>=9.13", "babel"]


def test_tests_run_on_the_versions_that_the_app_runs_on() -> None:
    run, dev = pinned("requirements.txt"), pinned("requirements-dev.txt")
    assert {name: dev.get(name) for name in run} == run


PIN = re.compile(r"[\w.-]+(\[[\w,-]+\])?==[\w.!+]+( ; [^:@]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt", "requirements-simulation.txt"])
def test_every_pin_has_hashes_and_no_address(file: str) -> None:
    """Without an address, whatever index the machine is set up with is used."""
    text = (ROOT / file).read_text()
    assert [line for line in text.splitlines() if not PIN.fullmatch(line) and not HASH.fullmatch(line)] == []
    assert re.findall(r"^\S.*\n(?!    --hash)", text, re.MULTILINE) == []


@pytest.mark.parametrize(
    "line", ["--index-url https://a.example/simple", "x @ https://a.example/x.whl", "x>=1 \\", "x==1", "-e ."]
)
def test_a_line_that_is_no_pin_is_found(line: str) -> None:
    assert not PIN.fullmatch(line) and not HASH.fullmatch(line)


# as a tool: what pipx and uv build from the repository


def test_every_file_that_is_no_module_is_listed_as_data() -> None:
    ours = [each for each in files() if each.relative_to(ROOT).parts[0] in ("bot", "handlers", "storage")]
    patterns = TOOL["setuptools"]["package-data"]["*"]
    data = [each for each in ours if each.suffix != ".py"]
    assert len(data) > 3 and [name(e) for e in data if not any(e.match(p) for p in patterns)] == []


def test_the_command_is_the_one_that_python_runs() -> None:
    module, _, function = PYPROJECT["scripts"]["numberdesk"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_a_build_has_every_file(tmp_path: Path) -> None:
    """By the setuptools that comes along with Python 3.11, from a copy, without any network."""
    bundled = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("setuptools-*.whl"))
    if not bundled:
        pytest.skip("this Python brings no setuptools along; the list of data is checked above")
    source, built = tmp_path / "source", tmp_path / "built"
    ours = [each for each in files() if each.relative_to(ROOT).parts[0] in ("bot", "handlers", "storage")]
    for each in (*ours, ROOT / "pyproject.toml"):
        copy = source / each.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each, copy)
    subprocess.run(
        [sys.executable, "-c", "import setuptools; setuptools.setup()", "-q", "build_py", "-d", str(built)],
        cwd=source,
        env={"PYTHONPATH": str(bundled[-1]), "PATH": ""},
        check=True,
        capture_output=True,
    )
    there = {str(each.relative_to(built)) for each in built.rglob("*") if each.is_file()}
    assert {name(each) for each in ours} == {each for each in there if "__pycache__" not in each}


def git_free_copy(target: Path) -> None:
    """As a fresh clone has it."""
    for each in files():
        copy = target / each.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each, copy)


def test_the_command_runs_from_an_installed_wheel(tmp_path: Path) -> None:
    """Built by pip as whoever installs from the repository has it built, which fetches the build back end."""
    source, environment = tmp_path / "source", tmp_path / "environment"
    git_free_copy(source)
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin/pip"), "--disable-pip-version-check", "--quiet"]
    fetched = subprocess.run(
        [*pip, "download", "--no-deps", "--dest", str(tmp_path), *TOML["build-system"]["requires"]],
        capture_output=True,
        text=True,
    )
    if fetched.returncode != 0:
        pytest.skip("the build back end cannot be had here (no package index); its parts are checked above")
    build = [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path / "wheels"), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").glob("number_desk-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        there = {each for each in opened.namelist() if ".dist-info/" not in each}
    ours = {name(e) for e in files() if e.relative_to(ROOT).parts[0] in ("bot", "handlers", "storage")}
    assert there == ours
    subprocess.run([*pip, "install", "--no-deps", str(wheel)], check=True)
    # what it depends on is here already: the pinned versions
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "pinned.pth").write_text(sysconfig.get_path("purelib"))

    def numberdesk(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(environment / "bin/numberdesk"), *arguments]
        settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
        return subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)

    assert numberdesk("--help").returncode == 0
    migrated = numberdesk("migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert numberdesk("record").returncode == 0
    explained = numberdesk("explain", "nosuch", "--language", "ja")
    assert explained.returncode == 1 and "データベース" in explained.stderr, "the catalogue came along"
    started = numberdesk("run")
    assert started.returncode == 1 and "SLACK_BOT_TOKEN: is missing" in started.stderr


# make


def test_make_help_names_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert set(re.findall(r"^  make ([\w-]+)  +\S", shown.stdout, re.MULTILINE)) == commands
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None and set(phony[1].split()) == commands
