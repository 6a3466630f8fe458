"""What Twilio reports to us, where there is a public address: known by its signature. Nothing is believed but that something has changed."""

from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from bot.settings import Settings


def is_twilio(settings: Settings, url: str, form: Mapping[str, str], signature: str) -> bool:
    """url: as Twilio called it, behind a proxy the public one. Source: twilio.com/docs, webhooks security."""
    if settings.twilio_auth_token is None:
        return False
    validator = RequestValidator(settings.twilio_auth_token.get_secret_value())  # type: ignore[no-untyped-call]
    return bool(validator.validate(url, dict(form), signature))  # type: ignore[no-untyped-call]


def signed(settings: Settings, url: str, form: Mapping[str, str]) -> str:
    """The signature that Twilio would give; empty without the token."""
    if settings.twilio_auth_token is None:
        return ""
    validator = RequestValidator(settings.twilio_auth_token.get_secret_value())  # type: ignore[no-untyped-call]
    return str(validator.compute_signature(url, dict(form)))  # type: ignore[no-untyped-call]
