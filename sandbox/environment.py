"""The settings with which the app runs against the twins. All of them are invented; none is a secret."""

ACCOUNT_SID = "AC" + "0" * 32


def settings(slack_url: str, twilio_url: str) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": "xoxb-sandbox",
        "SLACK_APP_TOKEN": "xapp-sandbox",
        "SLACK_API_URL": f"{slack_url}/api/",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_API_KEY": "SK" + "0" * 32,
        "TWILIO_API_SECRET": "sandbox-secret",
        "TWILIO_AUTH_TOKEN": "sandbox-auth-token",
        "TWILIO_BASE_URL": twilio_url,
        "DATABASE_URL": "sqlite:///.sandbox/numberdesk.db",
        "APPROVALS_CHANNEL": "C0APPROVALS",
        "BUNDLES_CHANNEL": "C0BUNDLES",
        "OPERATORS_CHANNEL": "C0OPERATORS",
        "CHANNEL_LANGUAGE": "en",
        "BUNDLE_EMAIL": "compliance@example.com",
        "POLICY_FILE": "sandbox/policy.toml",
    }
