"""What tests of several folders share: one headless Chromium for the whole run, what hypothesis may expect of a machine, and less
garbage collection."""

import gc
import os
import shutil
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings
from playwright.async_api import Browser, async_playwright

# how fast an example is made and tried says something about the machine only
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: looking for garbage among it was a seventh of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Skips where there is no Chromium, loudly; in CI it fails instead."""
    if not CHROMIUM:
        reason = "no Chromium: install it, or name it in CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        await launched.close()
