"""The languages. English sentences in the code are the keys; a gettext ``.po`` in ``locale/`` holds each other language."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import phonenumbers
from babel import Locale, UnknownLocaleError
from babel.messages.pofile import read_po
from babel.numbers import format_currency

from bot import countries

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", "ja")

IN_CONTEXT = "\x04"
"""Between context and text, as in gettext's own files."""

Said = dict[str, Any]
"""A sentence that is kept in the database and told later, in whatever language: ``{"say": key, "with": {...}}``."""


MOMENT = "{date_short_pretty} {time}"
"""A moment as Slack writes it for each reader, with its day; ``{time}`` alone where the day stands beside it."""


def N_(text: str) -> str:
    """Marks a text for the catalogue; it is translated where it is shown."""
    return text


def NC_(context: str, text: str) -> str:
    """As ``N_``, for a text that has another sense elsewhere: translators see the context, readers of English do not."""
    return f"{context}{IN_CONTEXT}{text}"


def say(text: str, **with_: Any) -> Said:
    """A sentence to be told later. Values: text, or one of the kinds below, each shown as the reader writes it."""
    return {"say": text, "with": with_}


def money(amount: Decimal, currency: str) -> Said:
    return {"money": str(amount), "currency": currency}


def person(user_id: str | None) -> Said:
    return {"person": user_id}


def mention(ids: Iterable[str]) -> Said:
    """People and user groups that shall be notified."""
    return {"mention": list(ids)}


def channels(ids: Iterable[str]) -> Said:
    return {"channels": list(ids)}


def phone(number: str | None) -> Said:
    return {"phone": number}


def country(code: str | None) -> Said:
    return {"country": code}


def number_type(kind: str | None) -> Said:
    return {"number_type": kind}


def moment(at: datetime, form: str = MOMENT) -> Said:
    return {"moment": int(at.timestamp()), "form": form}


def escape(text: str) -> str:
    """Text as it must stand in Slack's mrkdwn."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


NUMBER_TYPES = {
    "local": N_("Local"),
    "mobile": N_("Mobile"),
    "toll-free": N_("Toll-free"),
    "national": N_("National"),
}
CAPABILITIES = {"voice": N_("Voice"), "sms": N_("SMS"), "mms": N_("MMS"), "fax": N_("Fax")}
END_USERS = {"business": N_("Business"), "individual": N_("Individual")}
BUNDLE_STATES = {
    "draft": N_("draft"),
    "pending-review": N_("waiting for review"),
    "in-review": N_("under review"),
    "twilio-rejected": N_("rejected"),
    "twilio-approved": N_("approved"),
    "provisionally-approved": N_("provisionally approved"),
    "deleted": N_("deleted"),
}
DOCUMENT_STATES = {
    "draft": N_("not sent yet"),
    "pending-review": N_("waiting for review"),
    "approved": N_("approved"),
    "rejected": N_("rejected"),
    "expired": N_("expired"),
    "provisionally-approved": N_("provisionally approved"),
}
ADDRESS_NEEDS = {
    "none": N_("no address needed"),
    "any": N_("needs an address"),
    "local": N_("needs an address in the country"),
    "foreign": N_("needs an address outside the country"),
}


@lru_cache
def catalogue(language: str) -> dict[str, str | tuple[str, ...]]:
    """``{English, after its context: translation}``, a tuple of forms where there are plurals; empty for English."""
    file = LOCALE / language / "LC_MESSAGES" / "messages.po"
    if not file.exists():
        return {}
    with file.open("rb") as opened:
        entries = read_po(opened, locale=language)
    texts: dict[str, str | tuple[str, ...]] = {}
    for entry in entries:
        if entry.id and entry.string:
            key = entry.id[0] if isinstance(entry.id, tuple | list) else entry.id
            key = NC_(entry.context, str(key)) if entry.context else str(key)
            texts[key] = tuple(entry.string) if isinstance(entry.string, tuple | list) else entry.string
    return texts


class Texts:
    """What one reader sees: ``t("Hello {name}", name=...)``."""

    def __init__(self, locale: str) -> None:
        """locale: as in a Slack profile (``ja-JP``), or a language."""
        self.language = locale[:2] if locale[:2] in LANGUAGES else "en"
        try:
            self.locale = Locale.parse(locale.replace("-", "_"))
        except (ValueError, UnknownLocaleError):
            self.locale = Locale(self.language)
        if self.locale.language != self.language:
            self.locale = Locale(self.language)
        self._texts = catalogue(self.language)

    def __call__(self, text: str, /, **with_: Any) -> str:
        return self._fill(self.pattern(text), with_)

    def n(self, one: str, many: str, n: int, /, **with_: Any) -> str:
        """The form for ``n``, which the texts may name as ``{n}``."""
        forms = self._texts.get(one, (one, many))
        if isinstance(forms, str):
            forms = (forms,)
        form = forms[0] if n == 1 or len(forms) == 1 else forms[1]
        return self._fill(form, {"n": n, **with_})

    def pattern(self, text: str) -> str:
        """The text in this language, its values still to be filled in."""
        found = self._texts.get(text, text.rpartition(IN_CONTEXT)[2])
        return found if isinstance(found, str) else found[0]

    def said(self, said: Said, names: Mapping[str, str] | None = None) -> str:
        """A kept sentence as mrkdwn: values are escaped, people become names, or mentions where no names are given."""
        return self(said["say"], **{name: self._told(value, names) for name, value in said["with"].items()})

    @staticmethod
    def _fill(text: str, with_: Mapping[str, Any]) -> str:
        return text.format(**with_) if with_ else text.replace("{{", "{").replace("}}", "}")

    def _told(self, value: Any, names: Mapping[str, str] | None) -> str:
        match value:
            case list():
                return self.listed(self._told(each, names) for each in value)
            case {"person": str(user_id)} if names is None:
                return f"<@{user_id}>"
            case {"mention": mentioned}:
                return " ".join(f"<!subteam^{e}>" if e.startswith("S") else f"<@{e}>" for e in mentioned)
            case {"channels": ids}:
                return self.listed(f"<#{each}>" for each in ids)
            case {"moment": seconds}:
                return self.moment(datetime.fromtimestamp(seconds).astimezone(), value.get("form", MOMENT))
            case {"say": _}:
                return self.said(value, names)
        return escape(self.plainly(value, names or {}))

    def plainly(self, value: Any, names: Mapping[str, str]) -> str:
        """A value of a kept sentence as bare text: not escaped, and nobody mentioned."""
        match value:
            case {"money": amount, "currency": currency}:
                return self.money(Decimal(amount), currency)
            case {"person": None}:
                return "Number Desk"
            case {"person": user_id}:
                return names.get(user_id, user_id)
            case {"phone": number}:
                return self.phone(number)
            case {"country": code}:
                return self.country(code)
            case {"number_type": kind}:
                return self.number_type(kind)
            case dict() | list():
                raise ValueError(f"no way to tell {value!r}")
        return str(value)

    def plain(self, said: Said, names: Mapping[str, str] | None = None) -> str:
        """A kept sentence for a terminal: nothing escaped, nobody mentioned, moments in UTC."""
        return self(
            said["say"], **{name: self._bare(value, names or {}) for name, value in said["with"].items()}
        )

    def _bare(self, value: Any, names: Mapping[str, str]) -> str:
        match value:
            case list():
                return self.listed(self._bare(each, names) for each in value)
            case {"say": _}:
                return self.plain(value, names)
            case {"mention": ids} | {"channels": ids}:
                return self.listed(names.get(each, each) for each in ids)
            case {"moment": seconds}:
                return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return self.plainly(value, names)

    # names and figures as the reader writes them

    def country(self, code: str) -> str:
        return countries.name(code, self.language)

    def money(self, amount: Decimal, currency: str) -> str:
        return format_currency(amount, currency, locale=self.locale, decimal_quantization=False)

    @staticmethod
    def phone(number: str) -> str:
        """E.164 in the spaced international form."""
        try:
            parsed = phonenumbers.parse(number)
        except phonenumbers.NumberParseException:
            return number
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)

    @staticmethod
    def moment(at: datetime, form: str = MOMENT) -> str:
        """In the reader's own time zone, which Slack knows."""
        fallback = at.strftime("%Y-%m-%d %H:%M %Z")
        return f"<!date^{int(at.timestamp())}^{form}|{fallback}>"

    @property
    def separator(self) -> str:
        return "、" if self.language == "ja" else ", "

    def listed(self, parts: Iterable[str]) -> str:
        return self.separator.join(parts)

    def number_type(self, kind: str) -> str:
        """Also one that no number here can have: a bundle of the Console's may be for it."""
        return self(NUMBER_TYPES.get(kind, kind))

    def end_user(self, kind: str) -> str:
        return self(END_USERS.get(kind, kind))

    def capabilities(self, names: Iterable[str]) -> str:
        return self.listed(self(CAPABILITIES[name]) for name in CAPABILITIES if name in set(names))
