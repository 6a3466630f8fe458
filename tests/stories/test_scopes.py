"""The manifest asks for exactly the scopes that the code uses."""

import yaml

from tests.catalogue import ROOT
from tests.stories import filling
from tests.stories.stage import Person, Stage, asks


async def test_the_manifests_scopes_are_those_in_use(
    stage: Stage, requester: Person, approver: Person
) -> None:
    await asks(requester)
    await approver.clicks(await stage.card("awaiting_approval"), "approve")
    await stage.card("complete")
    await stage.told(requester, "is bought")
    await filling.makes(stage, requester, "DE", "local", "business")
    manifest = yaml.safe_load((ROOT / "app-manifest.yml").read_text())
    assert stage.slack_twin.scopes_used == set(manifest["oauth_config"]["scopes"]["bot"])
