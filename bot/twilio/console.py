"""Pages of Twilio's Console that people are led to; no address of one stands anywhere else.

The new Console, which has been Twilio's first since 2026 and leads on from the old one's addresses. Each as Twilio's own documentation
links it, read 2026-12-01, unless said otherwise; ``__account__`` is put there as written, the Console fills it in.
"""

_CONSOLE = "https://1console.twilio.com"
_ACCOUNT = f"{_CONSOLE}/go?to=/account/__account__/us1"

HOME = _CONSOLE
BILLING = f"{_CONSOLE}/us1/billing/manage-billing/billing-overview"
"""twilio.com/docs/usage/tutorials/how-to-use-your-free-trial-account"""
GEO_PERMISSIONS = f"{_CONSOLE}/us1/develop/sms/settings/geo-permissions"
"""the same page"""
WHATSAPP_SENDERS = f"{_CONSOLE}/us1/develop/sms/senders/whatsapp-senders"
"""twilio.com/docs/whatsapp/self-sign-up"""
A2P_10DLC = f"{_ACCOUNT}/sms/regulatory-compliance/brands"
"""the brands, with their campaigns; twilio.com/docs/messaging, "US 10DLC numbers: Register for A2P 10DLC". The old Console's page of campaigns is gone."""
REGISTRATIONS = f"{_ACCOUNT}/trusthub/compliance-registrations"
"""toll-free verifications among them; twilio.com/docs/messaging/compliance/toll-free/console-onboarding"""
BUNDLES = f"{_ACCOUNT}/phone-numbers/regulatory-compliance/bundles"
"""twilio.com/docs/usage/tutorials/how-to-use-your-free-trial-account"""


def messaging_service(sid: str) -> str:
    """Its senders, beside which its other pages are; seen in what others wrote of the new Console, not in Twilio's documentation. [assumed]"""
    return f"{_ACCOUNT}/messaging/messaging-services/{sid}/senders"
