"""The tour on the page for people: five steps that lead through the whole job, each in English and Japanese."""

from dataclasses import dataclass
from urllib.parse import urlencode

Pair = tuple[str, str]

TYPE_IT: Pair = ("Type it for me", "コマンドを入力")


@dataclass(frozen=True)
class Step:
    title: Pair
    text: Pair
    """mrkdwn"""
    go: Pair
    """What the step's link is called."""
    user: str = ""
    """Who does it; empty: whoever began the tour."""
    channel: str = ""
    """Where; empty: at Twilio's page."""
    types: str = ""

    def address(self, user: str, twilio_page: str) -> str:
        if not self.channel:
            return twilio_page
        query = {
            "as": self.user or user,
            "channel": self.channel,
            **({"try": self.types} if self.types else {}),
        }
        return f"/?{urlencode(query)}"


STEPS = (
    Step(
        ("Ask for a number", "番号を申請する"),
        (
            "Send `/twilio buy-number US` in #numbers. Choose a number, say what it is for, and send it for approval.",
            "#numbersで `/twilio buy-number US` を送信します。番号を選び、用途を入力して、承認を依頼してください。",
        ),
        TYPE_IT,
        channel="C0NUMBERS",
        types="/twilio buy-number US",
    ),
    Step(
        ("Approve it as somebody else", "ほかの人として承認する"),
        (
            "Nobody approves a request of their own. Become Ada Approver, here or at the bottom of the sidebar, and press *Approve* on the card in #approvals.",
            "ご自身の申請は承認できません。ここまたはサイドバーの下部でAda Approverに切り替え、#approvalsのカードで *Approve*（承認）を押してください。",
        ),
        ("Become Ada Approver", "Ada Approverに切り替え"),
        user="U0APPROVER",
        channel="C0APPROVALS",
    ),
    Step(
        ("Add a bundle", "バンドルを用意する"),
        (
            "Some countries want documents first. Be yourself again and send `/twilio buy-number DE`. Choose a new bundle on the way, give its end user, documents and address, and submit it for review.",
            "国によっては、先に書類の提出が必要です。元のユーザーに戻って `/twilio buy-number DE` を送信します。途中で新しいバンドルを選び、エンドユーザー、書類、住所を入力して、審査に提出してください。",
        ),
        TYPE_IT,
        channel="C0NUMBERS",
        types="/twilio buy-number DE",
    ),
    Step(
        ("Review it at Twilio", "Twilioで審査する"),
        (
            "The reviewer is you, too. Approve or reject the bundle on the Twilio twin's page, and see in #bundles what becomes of it.",
            "審査するのもあなたです。Twilioのページでバンドルを承認または却下し、結果を#bundlesで確認してください。",
        ),
        ("Open Twilio's page", "Twilioのページを開く"),
    ),
    Step(
        ("Test the number", "番号をテストする"),
        (
            "A number's card says what is still missing before it can text. Press *Send a test message* there: Twilio's page shows what became of it.",
            "番号のカードには、送信できるようになるまでに必要なことが表示されます。カードの *Send a test message*（テストメッセージを送信）を押し、Twilioのページで結果を確認してください。",
        ),
        ("Show the card", "カードを表示"),
        channel="C0APPROVALS",
    ),
)
