"""Twilio's error codes: the HTTP status and words that come with each (twins 0.5, 5, 6.2, 7, 8).

Statuses other than 400 that the vendor's dictionary does not give are [assumed].
"""

from __future__ import annotations

from typing import Any

ERRORS: dict[int, tuple[int, str]] = {
    20001: (400, "Unknown or missing parameter"),
    20002: (400, "Invalid FriendlyName"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20006: (403, "Access Denied"),
    20007: (400, "Page size exceeds the limit"),
    20008: (403, "Resource not accessible with Test Account Credentials"),
    20403: (403, "Forbidden"),
    20404: (404, "The requested resource was not found"),
    20409: (409, "Conflict"),
    20422: (400, "Invalid Parameter"),
    20423: (400, "Malformed SID"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service Unavailable"),
    21211: (400, "The 'To' number is not a valid phone number"),
    21212: (400, "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID"),
    21266: (400, "'To' and 'From' number cannot be the same"),
    21402: (400, "Invalid Url"),
    21403: (400, "Invalid Method"),
    21404: (
        400,
        "Trial accounts are allowed only one Twilio number. To purchase additional Twilio phone numbers, please upgrade.",
    ),
    21405: (400, "Cannot set VoiceFallbackUrl without setting VoiceUrl"),
    21406: (400, "Cannot set SmsFallbackUrl without setting SmsUrl"),
    21407: (400, "This Phone Number type does not support SMS or MMS"),
    21408: (
        400,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    ),
    21420: (400, "The Application Sid is not accessible"),
    21421: (400, "PhoneNumber is invalid"),
    21422: (
        400,
        "The phone number is unavailable for purchase: it belongs to another account, was just bought, or is not a Twilio number",
    ),
    21451: (400, "Invalid area code"),
    21452: (400, "No phone numbers found in the area code"),
    21457: (400, "AreaCode is not supported for this type of number"),
    21458: (400, "PhoneNumber is not of the requested type"),
    21602: (400, "Message body is required"),
    21603: (400, "A 'From' phone number is required"),
    21604: (400, "A 'To' phone number is required."),
    21606: (
        400,
        "The 'From' phone number is not a valid, message-capable Twilio phone number for this destination/account",
    ),
    21608: (
        400,
        "The number is unverified. Trial accounts cannot send messages to unverified numbers; verify it or purchase a Twilio number to send messages to unverified numbers",
    ),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "Message cannot be sent with the current combination of 'To' and/or 'From' parameters"),
    21614: (400, "'To' number is not a valid mobile number"),
    21615: (
        400,
        "Phone Number Requires a Local Address. The given Address does not satisfy the requirement.",
    ),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21628: (400, "The address could not be validated"),
    21629: (400, "The address could not be validated as given, but a similar one was found"),
    21630: (400, "The address is used by a verified document and cannot be changed"),
    21631: (400, "Phone Number Requires an Address but the 'AddressSid' parameter was empty."),
    21644: (400, "The End-User is assigned to a bundle and cannot be deleted"),
    21645: (400, "The Supporting Document is assigned to a bundle and cannot be deleted"),
    21646: (400, "The Supporting Document is in review and cannot be deleted"),
    21647: (400, "The bundle is in review and cannot be deleted"),
    21648: (400, "The bundle is used by a phone number and cannot be deleted"),
    21649: (
        400,
        "Bundle required. The phone number needs a regulatory bundle but the 'BundleSid' was empty.",
    ),
    21651: (400, "Address not contained in bundle"),
    21701: (404, "The Messaging Service does not exist"),
    21703: (400, "The Messaging Service does not have a phone number available to send a message"),
    21704: (400, "The Messaging Service contains no phone numbers"),
    21705: (400, "The Messaging Service Sid is invalid"),
    21710: (409, "Phone Number or Short Code is already in the Messaging Service."),
    21711: (404, "Phone Number or Short Code is not in the Messaging Service"),
    21712: (409, "Phone Number or Short Code is associated with another Messaging Service."),
    21713: (400, "Messaging Service: invalid use case"),
    21714: (400, "Messaging Service number pool size limit reached"),
    21715: (400, "Phone Number cannot do SMS nor MMS and cannot be added to a Messaging Service"),
    21717: (400, "The Brand Registration SID is not registered or not valid for the use case"),
    21720: (400, "The A2P use case is invalid"),
    21727: (400, "Campaign registration failed due to missing parameter(s)"),
    22200: (400, "Invalid end-user type or number type"),
    22201: (400, "The Regulation Sid is invalid, or no regulation exists for the combination"),
    22202: (400, "Either a RegulationSid or IsoCountry, NumberType and EndUserType are required"),
    22203: (400, "The bundle status is not valid"),
    22204: (400, "Status cannot be updated together with other properties of the bundle"),
    22205: (400, "The object's SID is invalid or does not belong to the account"),
    22206: (400, "Objects of this kind cannot be assigned to a bundle"),
    22207: (400, "Attributes is not a valid JSON object"),
    22208: (400, "Status and Attributes cannot be updated together"),
    22209: (400, "The Supporting Document's status is not valid"),
    22210: (400, "The Supporting Document's type is missing or unknown"),
    22211: (400, "The Supporting Document's FriendlyName is missing"),
    22212: (400, "Invalid end-user type"),
    22213: (400, "Invalid number type"),
    22223: (400, "Only an approved bundle with a valid-until date can be copied"),
    22224: (400, "FromBundleSid is not an approved copy"),
    22225: (400, "FromBundleSid was not found"),
    22226: (400, "FromBundleSid is the bundle itself"),
    22228: (400, "FromBundleSid follows an older regulation"),
    22229: (400, "An address that a phone number uses must stay in the bundle"),
    22300: (400, "The account may not buy long codes at this time"),
    30995: (400, "The account has the maximum number of Messaging Services"),
    63007: (400, "Twilio could not find a Channel with the specified From address"),
    63100: (400, "Validation Error"),
    63103: (400, "The WhatsApp Business Account was not created through Twilio"),
    63104: (400, "The WhatsApp Business Account has reached its limit of phone numbers"),
    63110: (400, "The phone number is already registered on WhatsApp"),
    63113: (400, "The phone number could not be verified"),
    70001: (400, "Validation failed"),
    70002: (400, "Bad request"),
}


class TwilioError(Exception):
    """An error answer. ``message`` and ``status`` default to those of the code."""

    def __init__(self, code: int, message: str | None = None, *, status: int | None = None) -> None:
        known_status, known = ERRORS.get(code, (400, "Error"))
        super().__init__(message or known)
        self.code, self.status, self.message = code, status or known_status, message or known

    def body(self) -> dict[str, Any]:
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": more, "status": self.status}


def not_found(path: str) -> TwilioError:
    return TwilioError(20404, f"The requested resource {path} was not found")
