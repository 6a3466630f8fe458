"""The image, the compose file and the blueprint, piece by piece: what of them can be shown without a container engine."""

import fnmatch
import http.server
import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import Settings
from tests.house.tree import ROOT, files

SETTINGS = {name.upper() for name in Settings.model_fields}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions(name: str) -> list[str]:
    """What follows each instruction of this name, continued lines joined."""
    whole = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return re.findall(rf"^{name} (.*)$", whole, re.MULTILINE)


LAST = DOCKERFILE.rpartition("\nFROM ")[2]
COPIED = [each.split() for each in instructions("COPY") if not each.startswith("--from")]


def environment() -> dict[str, str]:
    return dict(each.split("=", 1) for line in instructions("ENV") for each in shlex.split(line))


# the Dockerfile


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets it into the build: the last line that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        parts = Path(path).parts
        above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if any(fnmatch.fnmatch(each, pattern.replace("**/", "*")) for each in above):
            sent = line.startswith("!")
    return sent


def test_whatever_is_copied_is_there_and_sent_to_the_build() -> None:
    assert COPIED and all((ROOT / source).exists() and is_sent(source) for source, _ in COPIED)


def test_every_file_of_ours_that_the_app_needs_is_copied_and_no_other_is_sent() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    rooms = {each.rstrip("*") for each in packages["include"]}
    assert {source for source, _ in COPIED} == {*rooms, "requirements.txt"}
    sent = {str(each.relative_to(ROOT)) for each in files() if is_sent(str(each.relative_to(ROOT)))}
    needed = {str(f.relative_to(ROOT)) for f in files() if f.relative_to(ROOT).parts[0] in rooms}
    assert sent == {*needed, "requirements.txt"}
    assert not is_sent(".env") and not is_sent("policy.toml") and not is_sent("data/numberdesk.db")


def test_what_is_installed_has_its_hash() -> None:
    (install,) = [each for each in instructions("RUN") if "pip install" in each]
    assert "--require-hashes" in install and install.split("&&")[1].strip().endswith("-r /requirements.txt")


def test_it_runs_as_nobody_in_particular_and_is_told_to_stop_as_the_app_understands() -> None:
    (user,) = re.findall(r"^USER (\d+):(\d+)$", LAST, re.MULTILINE)
    assert all(int(each) > 1000 for each in user)
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def test_its_environment_names_settings_alone() -> None:
    of_python = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert environment().keys() - of_python <= SETTINGS


class Health(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        assert self.path == "/healthz"
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def health() -> Iterator[http.server.HTTPServer]:
    with http.server.HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_healthcheck_asks_the_app_and_believes_it(health: http.server.HTTPServer) -> None:
    (check,) = instructions("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[0] == "python"

    def asked(port: int) -> int:
        proxy = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}  # it is not for this
        run = subprocess.run(
            [sys.executable, *command[1:]], env={"PORT": str(port), **proxy}, capture_output=True
        )
        return run.returncode

    assert asked(health.server_port) == 0
    Health.status = 503
    assert asked(health.server_port) == 1
    Health.status = 200
    assert asked(1) == 1, "nobody listens"


# what it does when it runs


def python_for_others() -> str | None:
    """A Python of this version that another user may start."""
    for each in (sys.executable, shutil.which("python3.11", path="/usr/bin:/usr/local/bin")):
        if each and all(p.stat().st_mode & 0o001 for p in Path(each).resolve().parents):
            return each
    return None


@pytest.fixture
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Runs a command as the image does: another user, a file system that cannot be written to but /data."""
    packages = Path(sysconfig.get_path("purelib")).resolve()
    python, tools = python_for_others(), [shutil.which("unshare"), shutil.which("setpriv")]
    if os.getuid() != 0 or python is None or not all(tools):
        pytest.skip("needs root, unshare, setpriv, and a Python that others may start")
    if not all(each.stat().st_mode & 0o001 for each in packages.parents):
        pytest.skip("the packages lie where only root may look")
    folder = Path("/tmp") / f"image-{os.getpid()}"
    app, data = folder / "app", folder / "data"
    data.mkdir(parents=True)
    for source, target in COPIED:
        if target.startswith("/app/"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, folder / target.lstrip("/"), ignore=ignored)
    for each in (folder, app):
        each.chmod(0o755)
    nobody = pwd.getpwnam("nobody")
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    entry = json.loads(instructions("ENTRYPOINT")[0])
    assert entry[0] == "python"
    become = f"setpriv --reuid={nobody.pw_uid} --regid={nobody.pw_gid} --clear-groups --no-new-privs"

    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        given = {
            **environment(),
            "DATABASE_URL": f"sqlite:///{data}/numberdesk.db",
            "PYTHONPATH": str(packages),
        }
        command = shlex.join([python, *entry[1:], *(arguments or json.loads(instructions("CMD")[0]))])
        script = (
            f"mount --bind {data} {data} && mount --bind {app} {app} && "
            f"mount -o remount,bind,ro {app} && cd {app} && ! touch here && exec {become} {command}"
        )
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", script],
            env={**given, **changed, "PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
        )

    yield run
    shutil.rmtree(folder)


def test_the_app_works_as_another_user_where_nothing_can_be_written(container: Any, tmp_path: Path) -> None:
    helped = container("--help")
    assert helped.returncode == 0 and "numberdesk" in helped.stdout, helped.stderr
    migrated = container("migrate")
    assert migrated.returncode == 0 and "newest migration" in migrated.stdout, migrated.stderr
    assert container("record").returncode == 0
    started = container()
    assert started.returncode == 1 and "SLACK_BOT_TOKEN: is missing" in started.stderr
    assert "Traceback" not in started.stderr


# compose


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "compose.yml").read_text())
    return read


OURS = ("migrate", "numberdesk")
OF_COMPOSE = {"POSTGRES_PASSWORD", "PUBLIC_HOST"}
"""What .env holds for compose itself."""


def test_compose_runs_two_replicas_after_the_database_was_migrated() -> None:
    services = compose()["services"]
    assert services["numberdesk"]["deploy"]["replicas"] == 2
    assert services["numberdesk"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"}
    }
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for each in services.values():
        assert set(each.get("depends_on", ())) <= services.keys()
        for volume in each.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("./") or source in compose()["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_each_of_ours_may_do_nothing_that_it_need_not(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"] and "ports" not in service
    assert int(service["stop_grace_period"].rstrip("s")) > 10, "a hand-over takes up to ten"


@pytest.mark.parametrize("name", OURS)
def test_compose_sets_only_what_the_app_reads(name: str) -> None:
    service = compose()["services"][name]
    assert set(service["environment"]) <= SETTINGS
    mounted = {each.split(":")[1] for each in service["volumes"]}
    assert service["environment"]["POLICY_FILE"] in mounted


def test_compose_asks_for_nothing_else() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "compose.yml").read_text()))
    assert asked == OF_COMPOSE and not asked & SETTINGS


def test_every_path_that_is_passed_on_is_one_of_the_apps() -> None:
    (passed,) = re.findall(r"@ours path (.*)", compose()["configs"]["caddyfile"]["content"])
    app = (ROOT / "bot/served.py").read_text() + (ROOT / "bot/slack/signed.py").read_text()
    assert [each for each in passed.split() if not each.endswith("*") and f'"{each}"' not in app] == []


# the blueprint


def test_the_blueprint_sets_what_the_app_cannot_do_without() -> None:
    blueprint = yaml.safe_load((ROOT / "render.yaml").read_text())
    (service,) = blueprint["services"]
    named = {each["key"] for each in service["envVars"]}
    assert named <= SETTINGS
    required = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}
    assert required <= named and {"SLACK_SIGNING_SECRET", "TWILIO_API_KEY", "TWILIO_API_SECRET"} <= named
    assert service["preDeployCommand"].split() == [*json.loads(instructions("ENTRYPOINT")[0]), "migrate"]
    assert service["numInstances"] == 2 and service["maxShutdownDelaySeconds"] > 10
    (database,) = [each["fromDatabase"]["name"] for each in service["envVars"] if "fromDatabase" in each]
    assert database in {each["name"] for each in blueprint["databases"]}


def test_the_blueprint_holds_no_secret() -> None:
    (service,) = yaml.safe_load((ROOT / "render.yaml").read_text())["services"]
    said = {each["key"] for each in service["envVars"] if "value" in each}
    assert said == {"POLICY_FILE"}
