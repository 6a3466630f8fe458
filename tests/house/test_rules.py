"""House rules: who imports whom, what is declared where, what may not be committed."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement

from bot import approval, settings
from bot.settings import Settings
from sandbox.environment import settings as sandbox_settings
from tests.catalogue import ROOT

OURS = ("storage", "bot", "handlers", "sandbox", "tests")
MAY_IMPORT = {
    "storage": {"storage"},
    "bot": {"bot", "storage"},
    "handlers": {"handlers", "bot", "storage"},
    "sandbox": {"sandbox"},
}
SEES_ALL = ROOT / "bot" / "app.py"


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def imports(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def test_storage_bot_handlers_and_sandbox_import_only_what_they_may() -> None:
    wrong = []
    for package, allowed in MAY_IMPORT.items():
        for file in (ROOT / package).rglob("*.py"):
            if file == SEES_ALL:
                continue
            for module, line in imports(file):
                top = module.partition(".")[0]
                if module == "bot.app" and file.name == "__main__.py" and package == "bot":
                    continue
                if module == "bot.app" or (top in OURS and top not in allowed):
                    wrong.append(f"{file.relative_to(ROOT)}:{line} imports {module}")
    assert wrong == []


def test_the_manifest_is_valid() -> None:
    manifest = yaml.safe_load((ROOT / "app-manifest.yml").read_text())
    schema = yaml.safe_load((ROOT / "tests" / "data" / "manifest.schema.json").read_text())
    jsonschema.validate(manifest, schema)


def test_every_setting_is_explained_and_no_other() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name.upper() for name in Settings.model_fields if f"`{name.upper()}`" not in readme] == []


def test_the_example_policy_and_the_sandboxs_are_policies() -> None:
    for name in ("policy.example.toml", "sandbox/policy.toml"):
        assert approval.read(ROOT / name).approve.approvals == 1


def test_the_sandboxs_settings_are_settings() -> None:
    given = {name.lower(): value for name, value in sandbox_settings("http://s", "http://t").items()}
    assert set(given) <= set(Settings.model_fields)
    assert not Settings(_env_file=None, **given).uses_http


def test_all_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "not-a-token-but-secret")
    with pytest.raises(settings.SettingsError) as caught:
        settings.read()
    said = str(caught.value)
    for name in ("SLACK_BOT_TOKEN", "TWILIO_ACCOUNT_SID", "APPROVALS_CHANNEL", "OPERATORS_CHANNEL"):
        assert name in said
    assert "not-a-token-but-secret" not in said


def test_requirements_pin_every_dependency_without_an_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        "requirements.txt": project["dependencies"],
        "requirements-dev.txt": [
            *project["dependencies"],
            *(each for extra in project["optional-dependencies"].values() for each in extra),
        ],
    }
    for name, dependencies in wanted.items():
        text = (ROOT / name).read_text()
        assert "://" not in text and "--index" not in text
        pinned = dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", text, re.MULTILINE))
        blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
        assert all("--hash=sha256:" in block for block in blocks)
        for each in map(Requirement, dependencies):
            if each.name == project["name"]:
                continue
            key = each.name.lower().replace("_", "-")
            assert key in pinned, f"{name} does not pin {each.name}"
            assert each.specifier.contains(pinned[key]), f"{name} pins {each.name} {pinned[key]}"


def test_no_committed_file_names_a_registrys_host_or_a_machines_path() -> None:
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org"]
    paths = ["/ro" + "ot/", "/home/" + "runner", str(ROOT)]
    found = []
    for file in committed():
        if file.suffix in (".png", ".ico") or file == Path(__file__):
            continue
        text = file.read_text(errors="replace")
        found += [f"{file.relative_to(ROOT)}: {each}" for each in [*hosts, *paths] if each in text]
    assert found == []


def test_the_tests_use_no_doubles() -> None:
    """Twins, real SDKs, a real database: no mock and no patch (settings come from the environment, which may be set)."""
    words = ("unittest" + ".mock", "Magic" + "Mock", "mock" + ".patch", "monkeypatch.seta" + "ttr")
    found = [
        f"{file.name}: {word}"
        for file in (ROOT / "tests").rglob("*.py")
        for word in words
        if word in file.read_text()
    ]
    assert found == []


def test_make_help_names_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    explained = set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE))
    assert explained == set(phony[1].split())


def test_the_readmes_links_and_pictures_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    named = [each for each in re.findall(r"\]\(([^)#]+)\)", readme) if "://" not in each]
    assert named and [each for each in named if not (ROOT / each).exists()] == []
