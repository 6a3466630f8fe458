"""Countries, number types, prices and messaging services: kept with their age, served from memory, refreshed behind."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from twilio.rest import Client

from bot.errors import NotSoldAnyMore, StartAgain
from bot.texts import country as named
from bot.twilio import account, regulations
from bot.twilio.client import TwilioError
from bot.twilio.numbers import IN_COUNTRY_LIST, IN_PRICES, abilities, available
from bot.twilio.regulations import Regulation
from storage.models import now
from storage.store import Store

log = logging.getLogger(__name__)

PRICES_FOR = timedelta(days=1)
ABILITIES_FOR = timedelta(days=1)
REGULATIONS_FOR = timedelta(hours=1)
SERVICES_FOR = timedelta(minutes=5)
ACCOUNT_FOR = timedelta(minutes=5)
GEO_FOR = timedelta(hours=1)


HIGH_RISK = "High Risk Country"
"""Twilio's word for countries whose geo permission is given in the Console only."""


@dataclass(frozen=True)
class Offer:
    """A number type that a country has, with its price for a month."""

    number_type: str
    price: Decimal
    currency: str


@dataclass(frozen=True)
class Service:
    """A messaging service at Twilio."""

    sid: str
    name: str
    registered: bool = False
    """whether an A2P 10DLC campaign is verified for it"""


@dataclass(frozen=True)
class Balance:
    amount: Decimal
    currency: str
    read_at: datetime


class Market:
    def __init__(self, twilio: Client, store: Store, workspace_id: str) -> None:
        self._twilio = twilio
        self._store = store
        self._workspace_id = workspace_id
        self._kept: dict[str, tuple[Any, datetime]] = {}

    async def load(self) -> None:
        """What was kept when the app last ran."""
        self._kept = {
            key: kept
            for key, kept in (await self._store.kept(self._workspace_id)).items()
            if key in ("countries", "services", "account", "geo")
            or key.startswith(("prices:", "unlisted:", "abilities:", "regulations:", "regulation:"))
        }

    async def refresh(self) -> None:
        """Asks Twilio for whatever is old or missing. What fails is logged and kept as it was."""
        await asyncio.gather(
            self._refresh_countries(),
            self._refresh_services(),
            self._refresh_account(),
            self.refresh_geo(GEO_FOR),
        )

    # the account

    @property
    def is_trial(self) -> bool:
        """As far as this key may see it (rule 29)."""
        return bool(self._value("account", {}).get("trial"))

    @property
    def owns_numbers(self) -> bool:
        """Of a trial account, which may have one: whether it has one."""
        return bool(self._value("account", {}).get("owns"))

    def balance(self) -> Balance | None:
        """As last read; None where it cannot be read or says nothing (rule 30: a subaccount, an invoiced account ...)."""
        kept = self._value("account", {}).get("balance")
        if kept is None:
            return None
        return Balance(Decimal(kept["amount"]), kept["currency"], self._kept["account"][1])

    async def _refresh_account(self) -> None:
        if not self._is_old("account", ACCOUNT_FOR):
            return
        sid = str(self._twilio.account_sid)
        found, left = await asyncio.gather(
            account.resource(self._twilio, sid), account.balance(self._twilio, sid)
        )
        kept: dict[str, Any] = {"trial": account.is_trial(found)}
        if kept["trial"]:
            kept["owns"] = await account.owns_numbers(self._twilio)
        if left is not None and left[0] >= 0:
            kept["balance"] = {"amount": str(left[0]), "currency": left[1] or "USD"}
        await self._keep("account", kept)

    def enabled(self) -> list[str] | None:
        """The countries that the account may text, as last read; None where this key may not see it."""
        found: list[str] | None = self._value("geo", {}).get("enabled")
        return found

    def closed_to(self, destinations: Iterable[str]) -> list[str]:
        """Those that the account may not text, as last read; none where this key may not see it."""
        enabled = self.enabled()
        return [] if enabled is None else [each for each in destinations if each not in enabled]

    def is_high_risk(self, country: str) -> bool:
        """Whether Twilio lets its permission be given in the Console only."""
        return country in self._value("geo", {}).get("high_risk", ())

    async def refresh_geo(self, age: timedelta = timedelta(0)) -> None:
        """One call for all countries; what this key may not see is kept as not known."""
        if not self._is_old("geo", age):
            return
        kept: dict[str, Any] = {"enabled": None}
        try:
            found: Any = await self._twilio.accounts.v1.messaging_geopermissions.fetch_async()
        except TwilioError as error:
            log.info("the geo permissions cannot be read: %s", error)
            if not (error.definite or error.status in (401, 403)):
                return  # it did not answer: what was known before is better than nothing
        else:
            kept = {
                "enabled": [each["country_code"] for each in found.permissions if each["enabled"]],
                "high_risk": [
                    each["country_code"] for each in found.permissions if each.get("message") == HIGH_RISK
                ],
            }
        await self._keep("geo", kept)

    # countries, types, prices

    def countries(self) -> list[str]:
        """Codes of the countries where something is on sale at a known price."""
        return [code for code in self._value("countries", {}) if self.offers(code)]

    def offers(self, country: str) -> list[Offer]:
        """What AvailablePhoneNumbers and the price list both know (rule 17), in a fixed order."""
        kinds = [*self._value("countries", {}).get(country, ()), *self._value(f"unlisted:{country}", ())]
        prices = self._value(f"prices:{country}", None)
        if prices is None:
            return []
        return [
            Offer(kind, Decimal(prices["types"][kind]), prices["currency"])
            for kind in IN_COUNTRY_LIST
            if kind in kinds and kind in prices["types"]
        ]

    def offer(self, country: str | None, number_type: str | None) -> Offer | None:
        if country is None:
            return None
        return next((each for each in self.offers(country) if each.number_type == number_type), None)

    async def fresh_offer(self, country: str, number_type: str) -> Offer:
        """The price as Twilio gives it now. Raises NotSoldAnyMore, TwilioError."""
        prices = await self._read_prices(country)
        await self._save(f"prices:{country}")
        if number_type not in prices["types"]:
            raise NotSoldAnyMore(country=named(country))
        return Offer(number_type, Decimal(prices["types"][number_type]), prices["currency"])

    def price_of(self, phone_number: str) -> account.Money | None:
        """What a number costs a month, as far as its digits tell its type."""
        country, kind = account.kind_of(phone_number)
        offer = self.offer(country, kind) or self.offer(country, "local")
        return (offer.price, offer.currency) if offer else None

    def abilities(self, country: str, number_type: str) -> frozenset[str] | None:
        """What numbers of this kind can do; None where that is not known."""
        known = self._value(f"abilities:{country}:{number_type}", None)
        return None if known is None else frozenset(known)

    async def learn_abilities(self, country: str) -> bool:
        """Whether more is known now about what the country's numbers can do. What fails is not known, which hinders nobody."""
        kinds = [each.number_type for each in self.offers(country)]
        old = [kind for kind in kinds if self._is_old(f"abilities:{country}:{kind}", ABILITIES_FOR)]
        found = await asyncio.gather(
            *(abilities(self._twilio, country, kind) for kind in old), return_exceptions=True
        )
        for kind, known in zip(old, found, strict=True):
            if isinstance(known, BaseException):
                log.warning("what %s numbers of %s can do is not known: %s", kind, country, known)
            else:
                await self._keep(f"abilities:{country}:{kind}", known)
        return bool(old)

    async def _refresh_countries(self) -> None:
        try:
            if self._is_old("countries", PRICES_FOR):
                found = await self._twilio.available_phone_numbers.list_async()
                kinds = {
                    each.country_code: [
                        kind for kind, key in IN_COUNTRY_LIST.items() if key in (each.subresource_uris or {})
                    ]
                    for each in found
                }
                await self._keep("countries", kinds)
            old = [
                code for code in self._value("countries", {}) if self._is_old(f"prices:{code}", PRICES_FOR)
            ]
            results = await asyncio.gather(*map(self._read_prices, old), return_exceptions=True)
            for code, failed in zip(old, results, strict=True):
                if isinstance(failed, TwilioError) and failed.status == 404:
                    self._learn(f"prices:{code}", {"currency": "USD", "types": {}})
                elif isinstance(failed, BaseException):
                    log.warning("prices of %s could not be read: %s", code, failed)
            await asyncio.gather(*map(self._look_for_unlisted, old))
            await self._save(*(f"{what}:{code}" for what in ("prices", "unlisted") for code in old))
        except TwilioError as error:
            log.warning("the list of countries could not be read: %s", error)

    async def _look_for_unlisted(self, country: str) -> None:
        """Types with a price that the list of countries leaves out, though there are numbers (GB national): a search tells."""
        listed = self._value("countries", {}).get(country, ())
        found = []
        for kind in self._value(f"prices:{country}", {}).get("types", {}):
            if kind not in listed:
                try:
                    await available(self._twilio, country, kind, {})
                    found.append(kind)
                except TwilioError as error:
                    if error.status != 404:
                        log.warning("%s numbers of %s could not be looked for: %s", kind, country, error)
        if found or self._value(f"unlisted:{country}", None):
            self._learn(f"unlisted:{country}", found)

    async def _read_prices(self, country: str) -> dict[str, Any]:
        found: Any = await self._twilio.pricing.v1.phone_numbers.countries(country).fetch_async()
        by_name = {each["number_type"]: each["current_price"] for each in found.phone_number_prices or ()}
        types = {kind: by_name[name] for kind, name in IN_PRICES.items() if by_name.get(name)}
        prices = {"currency": (found.price_unit or "USD").upper(), "types": types}
        self._learn(f"prices:{country}", prices)
        return prices

    # regulations

    async def regulations(self, country: str, number_type: str) -> dict[str, Regulation]:
        """By end-user type, as ``bot/twilio/regulations.py`` says; at most an hour old."""
        key = f"regulations:{country}:{number_type}"
        if self._is_old(key, REGULATIONS_FOR):
            await self._keep(key, await regulations.regulations(self._twilio, country, number_type))
        return {kind: Regulation.parse(kept) for kind, kept in self._value(key, {}).items()}

    async def regulation(self, sid: str) -> Regulation:
        """At most an hour old. Raises TwilioError."""
        key = f"regulation:{sid}"
        if self._is_old(key, REGULATIONS_FOR):
            await self._keep(key, await regulations.read(self._twilio, sid))
        return Regulation.parse(self._value(key, {}))

    def kept_regulation(self, sid: str | None) -> Regulation:
        """As last read, however old: for a page that was drawn from it. Raises StartAgain when it was never read."""
        kept = self._value(f"regulation:{sid}", None)
        if kept is None:
            raise StartAgain()
        return Regulation.parse(kept)

    # messaging services

    def is_registered(self, sid: str | None) -> bool:
        """Whether this service has an A2P 10DLC campaign that is verified, as last read."""
        return any(each.sid == sid for each in self.registered())

    def registered(self) -> list[Service]:
        """Those with an A2P 10DLC campaign that is verified, as last read."""
        return [each for each in self.services() if each.registered]

    def services(self) -> list[Service]:
        """As last read; in the background at most five minutes old."""
        return [Service(**each) for each in self._value("services", [])]

    async def recent_services(self, age: timedelta = timedelta(minutes=1)) -> list[Service]:
        """Read now, or just before: within one purchase they are asked for once. Raises TwilioError."""
        return await self.fresh_services() if self._is_old("services", age) else self.services()

    async def service_made(self, sid: str, name: str) -> None:
        """One that was made here just now; its list may show it late."""
        others = [each for each in self._value("services", []) if each["sid"] != sid]
        await self._keep("services", [*others, {"sid": sid, "name": name}])

    async def fresh_services(self) -> list[Service]:
        found = await self._twilio.messaging.v1.services.list_async(page_size=200)
        services = [
            {
                "sid": each.sid,
                "name": each.friendly_name,
                "registered": bool(each.us_app_to_person_registered),
            }
            for each in found
        ]
        await self._keep("services", services)
        return self.services()

    async def _refresh_services(self) -> None:
        if not self._is_old("services", SERVICES_FOR):
            return
        try:
            await self.fresh_services()
        except TwilioError as error:
            log.warning("the messaging services could not be read: %s", error)

    # what is kept

    def _value(self, key: str, default: Any) -> Any:
        return self._kept[key][0] if key in self._kept else default

    def _is_old(self, key: str, age: timedelta) -> bool:
        return key not in self._kept or now() - self._kept[key][1] > age

    def _learn(self, key: str, value: Any) -> None:
        """Known from now on; ``_save`` makes it outlive this process."""
        self._kept[key] = (value, now())

    async def _save(self, *keys: str) -> None:
        known = {key: self._kept[key] for key in keys if key in self._kept}
        await self._store.keep_all(self._workspace_id, known)

    async def _keep(self, key: str, value: Any) -> None:
        self._learn(key, value)
        await self._save(key)
