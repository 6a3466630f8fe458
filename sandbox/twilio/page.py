"""The page for people at ``/``: what happens at the twin, drawn anew whenever something changes.

The whole page is rendered here; its script asks ``/sections?since=N`` once a second and swaps what has changed.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from aiohttp import web

from sandbox.twilio.buying import monthly_cost
from sandbox.twilio.inventory import IN_PATH
from sandbox.twilio.shown import state_shown

if TYPE_CHECKING:
    from sandbox.twilio.twin import TwilioTwin

HERE = Path(__file__).parent
SECTIONS = ("account", "bundles", "numbers", "services", "senders", "messages", "calls", "stock")
CALLS_SHOWN = 60
WAITING = ("pending-review", "in-review")


def _clock(moment: str | None) -> str:
    """``14:05:09`` of an ISO time; what people compare on a page of one afternoon."""
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).strftime("%H:%M:%S") if moment else ""


def _label(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def mount(app: web.Application, twin: TwilioTwin) -> None:
    page = Page(twin)
    app.router.add_get("/", page.whole)
    app.router.add_get("/sections", page.changed)
    app.router.add_static("/static", HERE / "static")


class Page:
    def __init__(self, twin: TwilioTwin) -> None:
        self.twin = twin
        loader = jinja2.FileSystemLoader(HERE / "templates")
        self.templates = jinja2.Environment(
            loader=loader,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self.templates.filters |= {"clock": _clock, "label": _label}

    async def whole(self, request: web.Request) -> web.StreamResponse:
        if request.host.endswith("twilio.com"):
            return web.json_response({"error": "no page on this host"}, status=404)
        text = self.templates.get_template("page.html").render(
            sections=self._sections(), changes=self.twin.changes
        )
        return web.Response(text=text, content_type="text/html")

    async def changed(self, request: web.Request) -> web.StreamResponse:
        """204 when nothing has happened since."""
        self.twin.run_due()
        account = self.twin.account
        moving = any(m.status in ("accepted", "queued", "sent") for m in account.messages.values())
        moving = moving or any(s["status"] in ("CREATING", "VERIFYING") for s in account.senders.values())
        if request.query.get("since") == str(self.twin.changes) and not moving:
            return web.Response(status=204)
        sections = {name: str(html) for name, html in self._sections().items()}
        return web.json_response({"changes": self.twin.changes, "sections": sections})

    def _sections(self) -> dict[str, Any]:
        known = self._known()
        return {name: self.templates.get_template(f"{name}.html").render(known) for name in SECTIONS}

    def _known(self) -> dict[str, Any]:
        twin = self.twin
        state = state_shown(twin)
        services = {s["sid"]: s["friendly_name"] for s in state["services"]}
        bundles = {b["sid"]: b["friendly_name"] for b in state["bundles"]}
        held = {n["sid"]: s["friendly_name"] for s in state["services"] for n in s["senders"]}
        state["bundles"].sort(key=lambda b: b["status"] not in WAITING)
        return state | {
            "url": twin.url,
            "seed": twin.seed,
            "monthly": f"{monthly_cost(twin.account):.2f}",
            "service_names": services,
            "bundle_names": bundles,
            "service_of": held,
            "waiting": WAITING,
            "review_after": twin.review_after,
            "calls": list(reversed(twin.calls))[:CALLS_SHOWN],
            "calls_in_all": len(twin.calls),
            "complaints": twin.complaints[-5:],
            "faults": [str(f) for f in twin.faults.ordered],
            "stock": self._stock(),
        }

    def _stock(self) -> list[dict[str, Any]]:
        return [
            {
                "country": country.name,
                "code": country.code,
                "types": [
                    {
                        "name": name,
                        "path": IN_PATH[name],
                        "price": f"{t.current_price:.2f}",
                        "capabilities": [c for c in ("voice", "sms", "mms", "fax") if c in t.capabilities],
                        "count": len(t.stock),
                        "sample": [n.phone_number for n in list(t.stock.values())[:3]],
                        "regulated": bool(self.twin.world.regulations.find(country.code, name)),
                    }
                    for name, t in country.sold.items()
                ],
            }
            for country in sorted(self.twin.world.market.countries.values(), key=lambda c: c.name)
            if country.sold
        ]
