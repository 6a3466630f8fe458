"""What the operators must know."""

import logging

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import Settings

log = logging.getLogger(__name__)


async def check_channels(client: AsyncWebClient, settings: Settings) -> None:
    """Logs each channel that the app cannot post in, with what to do; cards wait there until it can."""
    for name in ("approvals_channel", "bundles_channel", "operators_channel"):
        channel = getattr(settings, name)
        try:
            answer = await client.conversations_info(channel=channel)
            if not answer["channel"].get("is_member"):
                log.error(
                    "%s %s: invite the app there (/invite), or nothing can be posted", name.upper(), channel
                )
        except SlackApiError as error:
            log.error(
                "%s %s: %s; is the id right, and is the app invited?",
                name.upper(),
                channel,
                error.response.get("error"),
            )
