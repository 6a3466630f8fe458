"""What the watch has seen of the account as a whole, and the reasons that only a callback tells. Nothing of it is anybody's data
on disk: reasons are in memory alone (rule 27)."""

from collections import OrderedDict
from datetime import datetime

from storage.store import Store

SWEPT = "bundles:swept"
REASONS = 200


class BundleMemory:
    def __init__(self, store: Store, workspace_id: str, account_sid: str) -> None:
        self._store = store
        self._workspace_id = workspace_id
        self._account_sid = account_sid
        self._account: str | None = None
        self._reasons: OrderedDict[str, str] = OrderedDict()

    async def knows_account(self) -> bool:
        """Whether a sweep of the account has ended, now or before a restart: what is found before is no news."""
        if self._account is None:
            kept = await self._store.kept(self._workspace_id)
            self._account = str(kept[SWEPT][0]) if SWEPT in kept else ""
        return self._account == self._account_sid

    async def swept(self, asked_at: datetime) -> None:
        await self._store.keep(self._workspace_id, SWEPT, self._account_sid, asked_at)
        self._account = self._account_sid

    def remember_reason(self, sid: str, reason: str) -> None:
        self._reasons[sid] = reason
        while len(self._reasons) > REASONS:
            self._reasons.popitem(last=False)

    def reason(self, sid: str) -> str | None:
        """Why Twilio refused a bundle, in its words; for a callback alone tells it."""
        return self._reasons.get(sid)

    def forget_reason(self, sid: str) -> None:
        """The bundle is not rejected any more."""
        self._reasons.pop(sid, None)
