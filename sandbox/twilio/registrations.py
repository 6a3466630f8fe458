"""What a number of the United States needs before it may text: brands, campaigns, toll-free verifications (twins 7.4).

Carriers and reviewers take weeks; here a registration stands still until a control call moves it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.messaging import find_service
from sandbox.twilio.state import Account, Owned, Service, World
from sandbox.twilio.wire import Answer, Call, Routes, iso, page_v1

routes = Routes("messaging", "/v1")

BASE = "https://messaging.twilio.com/v1"
BRAND_STATUSES = (
    *("PENDING", "APPROVED", "FAILED", "IN_REVIEW", "DELETION_PENDING", "DELETION_FAILED", "SUSPENDED"),
)
CAMPAIGN_STATUSES = ("PENDING", "IN_PROGRESS", "VERIFIED", "FAILED", "SUSPENDED")
VERIFICATION_STATUSES = ("PENDING_REVIEW", "IN_REVIEW", "TWILIO_APPROVED", "TWILIO_REJECTED")
EDITABLE_FOR = timedelta(days=7)


def _key(parameter: str) -> str:
    """``OptInImageUrls`` is ``opt_in_image_urls`` in answers."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).lower()


# Brands


def brand(world: World, account: Account, *, status: str, **fields: Any) -> dict[str, Any]:
    now, sid = iso(world.now()), world.sids.new("BN")
    url = f"{BASE}/a2p/BrandRegistrations/{sid}"
    account.brands[sid] = {
        "sid": sid,
        "account_sid": account.sid,
        "customer_profile_bundle_sid": None,
        "a2p_profile_bundle_sid": None,
        "brand_type": "STANDARD",
        "status": status,
        "tcr_id": None,
        "failure_reason": None,
        "errors": [],
        "brand_score": None,
        "brand_feedback": [],
        "identity_status": "VERIFIED" if status == "APPROVED" else None,
        "russell_3000": False,
        "government_entity": False,
        "tax_exempt_status": None,
        "skip_automatic_sec_vet": False,
        "mock": False,
        "date_created": now,
        "date_updated": now,
        "url": url,
        "links": {"brand_vettings": f"{url}/Vettings", "brand_registration_otps": f"{url}/SmsOtp"},
        **fields,
    }
    return account.brands[sid]


@routes.listing("/a2p/BrandRegistrations")
def brands(call: Call) -> Answer:
    found = reversed(call.account.brands.values())
    return page_v1(call, "data", [(each["sid"], each) for each in found])


@routes.post(
    "/a2p/BrandRegistrations",
    *("CustomerProfileBundleSid", "A2PProfileBundleSid", "BrandType", "Mock", "SkipAutomaticSecVet"),
)
def register_brand(call: Call) -> Answer:
    """Trust Hub is not reproduced: any SID of a bundle passes for a profile."""
    profiles = [call.form.need(name) for name in ("CustomerProfileBundleSid", "A2PProfileBundleSid")]
    if not all(re.fullmatch(r"BU[0-9a-fA-F]{32}", sid) for sid in profiles):
        raise TwilioError(20423)
    _full_account_only(call.account)
    made = brand(
        call.world,
        call.account,
        status="PENDING",
        customer_profile_bundle_sid=profiles[0],
        a2p_profile_bundle_sid=profiles[1],
        brand_type=call.form.get("BrandType") or "STANDARD",
        mock=bool(call.form.flag("Mock")),
        skip_automatic_sec_vet=bool(call.form.flag("SkipAutomaticSecVet")),
    )
    return 201, made


def _full_account_only(account: Account) -> None:
    if account.type == "Trial":
        raise TwilioError(20403, "Trial accounts cannot register for A2P 10DLC")  # code: [assumed]


@routes.get("/a2p/BrandRegistrations/{sid}")
def one_brand(call: Call) -> Answer:
    return 200, _one(call, call.account.brands)


def _one(call: Call, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if call.args["sid"] not in known:
        raise not_found(call.path)
    return known[call.args["sid"]]


# Campaigns

TEXTS = ("Description", "MessageFlow")
LISTS = ("MessageSamples", "OptInKeywords", "OptOutKeywords", "HelpKeywords")
FLAGS = ("HasEmbeddedLinks", "HasEmbeddedPhone", "SubscriberOptIn", "AgeGated", "DirectLending")
REPLIES = ("OptInMessage", "OptOutMessage", "HelpMessage", "PrivacyPolicyUrl", "TermsAndConditionsUrl")
NEEDED = (
    *("BrandRegistrationSid", "Description", "MessageFlow", "MessageSamples", "UsAppToPersonUsecase"),
    *("HasEmbeddedLinks", "HasEmbeddedPhone"),
)
EDITABLE = (
    *("HasEmbeddedLinks", "HasEmbeddedPhone", "MessageSamples", "MessageFlow", "Description", "AgeGated"),
    *("DirectLending",),
)
LENGTHS = {"Description": (40, 4096), "MessageFlow": (40, 2048)}
USECASES = {
    "2FA": "Two-Factor authentication (2FA)",
    "ACCOUNT_NOTIFICATION": "Account Notification",
    "CUSTOMER_CARE": "Customer Care",
    "DELIVERY_NOTIFICATION": "Delivery Notification",
    "FRAUD_ALERT": "Fraud Alert Messaging",
    "HIGHER_EDUCATION": "Higher Education",
    "LOW_VOLUME": "Low Volume Mixed",
    "MARKETING": "Marketing",
    "MIXED": "Mixed",
    "POLLING_VOTING": "Polling and voting",
    "PUBLIC_SERVICE_ANNOUNCEMENT": "Public Service Announcement",
    "SECURITY_ALERT": "Security Alert",
}


def campaign(world: World, account: Account, service: Service, **fields: Any) -> dict[str, Any]:
    """Registered for the service, in place of the one before."""
    now, sid = iso(world.now()), world.sids.new("QE")
    shown: dict[str, Any] = dict.fromkeys(map(_key, (*TEXTS, *REPLIES, "BrandRegistrationSid")))
    shown |= {_key(name): [] for name in LISTS} | {_key(name): False for name in FLAGS}
    made = shown | {
        "sid": sid,
        "account_sid": account.sid,
        "messaging_service_sid": service.sid,
        "us_app_to_person_usecase": "MIXED",
        "campaign_status": "IN_PROGRESS",
        "campaign_id": None,
        "is_externally_registered": False,
        "rate_limits": {},
        "mock": False,
        "errors": [],
        "date_created": now,
        "date_updated": now,
        "url": f"{BASE}/Services/{service.sid}/Compliance/Usa2p/{sid}",
        **fields,
    }
    service.campaigns = {sid: made}
    return made


def _campaign_fields(call: Call) -> dict[str, Any]:
    """What was sent, checked. 21727 for what is missing is documented; 20422 for a wrong length: [assumed]."""
    form, new = call.form, dict[str, Any]()
    for name in (*TEXTS, *REPLIES, "UsAppToPersonUsecase", "BrandRegistrationSid"):
        if (value := form.get(name)) is not None:
            least, most = LENGTHS.get(name, (1, 4096))
            if not least <= len(value) <= most:
                raise TwilioError(20422, f"Invalid Parameter: {name} must have {least} to {most} characters")
            new[_key(name)] = value
    for name in LISTS:
        if name in form:
            new[_key(name)] = form.lists[name]
    for name in FLAGS:
        if (flag := form.flag(name)) is not None:
            new[_key(name)] = flag
    samples = new.get("message_samples", ["x" * 20] * 2)
    if not 2 <= len(samples) <= 5 or not all(20 <= len(each) <= 1024 for each in samples):
        raise TwilioError(20422, "Invalid Parameter: MessageSamples must be 2 to 5 of 20 to 1024 characters")
    return new


def _need(call: Call, names: tuple[str, ...]) -> None:
    if missing := [name for name in names if call.form.get(name) is None]:
        raise TwilioError(
            21727, f"Campaign registration failed due to missing parameter(s): {', '.join(missing)}"
        )


@routes.listing("/Services/{service}/Compliance/Usa2p")
def campaigns(call: Call) -> Answer:
    found = find_service(call, call.args["service"]).campaigns
    return page_v1(call, "compliance", list(found.items()), default=20)


@routes.post("/Services/{service}/Compliance/Usa2p", *NEEDED, *LISTS[1:], *FLAGS[2:], *REPLIES)
def register_campaign(call: Call) -> Answer:
    service = find_service(call, call.args["service"])
    _full_account_only(call.account)
    _need(call, NEEDED)
    fields = _campaign_fields(call)
    if fields["us_app_to_person_usecase"] not in USECASES:
        raise TwilioError(21720)
    of_brand = call.account.brands.get(fields["brand_registration_sid"])
    if of_brand is None or of_brand["status"] != "APPROVED":
        raise TwilioError(21717)
    if service.campaigns:
        raise TwilioError(20409, "The Messaging Service has a campaign already")  # code: [assumed]
    return 201, campaign(call.world, call.account, service, **fields)


@routes.get("/Services/{service}/Compliance/Usa2p/Usecases", "BrandRegistrationSid")
def usecases(call: Call) -> Answer:
    find_service(call, call.args["service"])
    shown = [
        {"code": code, "name": name, "description": name, "post_approval_required": False}
        for code, name in USECASES.items()
    ]
    return 200, {"us_app_to_person_usecases": shown}


@routes.get("/Services/{service}/Compliance/Usa2p/{sid}")
def one_campaign(call: Call) -> Answer:
    return 200, _one(call, find_service(call, call.args["service"]).campaigns)


@routes.post("/Services/{service}/Compliance/Usa2p/{sid}", *EDITABLE, *REPLIES[3:])
def edit_campaign(call: Call) -> Answer:
    """One that failed goes to the carriers again; no other can be changed [assumed]."""
    found = _one(call, find_service(call, call.args["service"]).campaigns)
    _need(call, EDITABLE)
    if found["campaign_status"] != "FAILED":
        raise TwilioError(20409, "Only a failed campaign can be updated")
    found |= _campaign_fields(call)
    found |= {"campaign_status": "IN_PROGRESS", "errors": [], "date_updated": iso(call.world.now())}
    return 200, found


@routes.delete("/Services/{service}/Compliance/Usa2p/{sid}")
def delete_campaign(call: Call) -> Answer:
    campaigns = find_service(call, call.args["service"]).campaigns
    del campaigns[_one(call, campaigns)["sid"]]
    return 204, None


# Toll-free verifications

ASKED = (
    *("BusinessName", "BusinessWebsite", "NotificationEmail", "UseCaseCategories", "UseCaseSummary"),
    *("ProductionMessageSample", "OptInImageUrls", "OptInType", "MessageVolume"),
)
MORE = (
    *("BusinessStreetAddress", "BusinessStreetAddress2", "BusinessCity", "BusinessStateProvinceRegion"),
    *("BusinessPostalCode", "BusinessCountry", "AdditionalInformation", "BusinessContactFirstName"),
    *("BusinessContactLastName", "BusinessContactEmail", "BusinessContactPhone"),
    *("BusinessRegistrationNumber", "BusinessRegistrationAuthority", "BusinessRegistrationCountry"),
    *("BusinessType", "BusinessRegistrationPhoneNumber", "DoingBusinessAs", "OptInConfirmationMessage"),
    *("HelpMessageSample", "PrivacyPolicyUrl", "TermsAndConditionsUrl", "AgeGatedContent", "OptInKeywords"),
    *("VettingProvider", "VettingId"),
)
VERIFICATION_LISTS = ("UseCaseCategories", "OptInImageUrls", "OptInKeywords")


def verification(world: World, account: Account, number: Owned, **fields: Any) -> dict[str, Any]:
    """The number's verification, made when there is none; fields: what to set."""
    now = iso(world.now())
    found = verification_of(account, number)
    if found is None:
        sid = world.sids.new("HH")
        shown: dict[str, Any] = dict.fromkeys(map(_key, (*ASKED, *MORE)))
        found = account.tollfree_verifications[sid] = shown | {
            "sid": sid,
            "account_sid": account.sid,
            "customer_profile_sid": None,
            "trust_product_sid": None,
            "regulated_item_sid": None,
            "external_reference_id": None,
            "resource_links": {},
            "vetting_id_expiration": None,
            "tollfree_phone_number_sid": number.sid,
            "tollfree_phone_number": number.phone_number,
            "status": "PENDING_REVIEW",
            "opt_in_type": "WEB_FORM",
            "rejection_reason": None,
            "rejection_reasons": None,
            "error_code": None,
            "edit_allowed": None,
            "edit_expiration": None,
            "date_created": now,
            "url": f"{BASE}/Tollfree/Verifications/{sid}",
        }
    found |= fields | {"date_updated": now}
    return found


def verification_of(account: Account, number: Owned) -> dict[str, Any] | None:
    every = account.tollfree_verifications.values()
    return next((v for v in every if v["tollfree_phone_number_sid"] == number.sid), None)


def reviewed(world: World, status: str, reasons: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields that a review sets. reasons: ``{"code", "reason"}``, as Twilio lists them [assumed]."""
    rejected = status == "TWILIO_REJECTED"
    return {
        "status": status,
        "rejection_reason": reasons[0]["reason"] if rejected else None,
        "rejection_reasons": reasons if rejected else None,
        "error_code": reasons[0]["code"] if rejected else None,
        "edit_allowed": True if rejected else None,
        "edit_expiration": iso(world.now() + EDITABLE_FOR) if rejected else None,
    }


def _verification_fields(call: Call) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for name in (*ASKED, *MORE, "CustomerProfileSid", "ExternalReferenceId"):
        if name in VERIFICATION_LISTS and name in call.form:
            new[_key(name)] = call.form.lists[name]
        elif name == "AgeGatedContent":
            if (flag := call.form.flag(name)) is not None:
                new[_key(name)] = flag
        elif (value := call.form.get(name)) is not None:
            new[_key(name)] = value
    return new


@routes.listing(
    "/Tollfree/Verifications",
    *("TollfreePhoneNumberSid", "Status", "ExternalReferenceId", "IncludeSubAccounts", "TrustProductSid"),
)
def verifications(call: Call) -> Answer:
    number, status = call.query.get("TollfreePhoneNumberSid"), call.query.get("Status")
    reference = call.query.get("ExternalReferenceId")
    found = [
        each
        for each in reversed(call.account.tollfree_verifications.values())
        if number in (None, each["tollfree_phone_number_sid"])
        and status in (None, each["status"])
        and reference in (None, each["external_reference_id"])
    ]
    return page_v1(call, "verifications", [(each["sid"], each) for each in found])


@routes.post(
    "/Tollfree/Verifications",
    *(*ASKED, *MORE, "TollfreePhoneNumberSid", "CustomerProfileSid", "ExternalReferenceId"),
)
def ask_for_verification(call: Call) -> Answer:
    for name in (*ASKED, "TollfreePhoneNumberSid"):
        call.form.need(name)
    number = call.account.owned.get(call.form.need("TollfreePhoneNumberSid"))
    if number is None or number.number_type != "toll-free":
        raise TwilioError(20001, "TollfreePhoneNumberSid is no toll-free number of this account")  # [assumed]
    if verification_of(call.account, number):
        raise TwilioError(20409, "The number has a verification already")  # code: [assumed]
    if call.form.get("BusinessType") == "SOLE_PROPRIETOR":
        needed: tuple[str, ...] = ()
    else:  # since 17 February 2026; how it is refused: [assumed]
        needed = (
            "BusinessRegistrationNumber",
            "BusinessRegistrationAuthority",
            "BusinessRegistrationCountry",
        )
    for name in needed:
        call.form.need(name)
    return 201, verification(call.world, call.account, number, **_verification_fields(call))


@routes.get("/Tollfree/Verifications/{sid}")
def one_verification(call: Call) -> Answer:
    return 200, _one(call, call.account.tollfree_verifications)


@routes.post("/Tollfree/Verifications/{sid}", *ASKED, *MORE, "EditReason")
def edit_verification(call: Call) -> Answer:
    """Only one that was rejected, as long as it may be edited; it is reviewed again."""
    found = _one(call, call.account.tollfree_verifications)
    until = found["edit_expiration"]
    if not found["edit_allowed"] or until is None or until < (iso(call.world.now()) or ""):
        raise TwilioError(20409, "The verification cannot be edited")  # code: [assumed]
    found |= _verification_fields(call) | reviewed(call.world, "PENDING_REVIEW", [])
    found["date_updated"] = iso(call.world.now())
    return 202, found


@routes.delete("/Tollfree/Verifications/{sid}")
def delete_verification(call: Call) -> Answer:
    del call.account.tollfree_verifications[_one(call, call.account.tollfree_verifications)["sid"]]
    return 204, None
