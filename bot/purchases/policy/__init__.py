"""The approval policy: a file that the operator owns, and who may do what by it."""

from bot.purchases.policy.file import EXAMPLES as EXAMPLES
from bot.purchases.policy.file import Edit as Edit
from bot.purchases.policy.file import PolicyFile as PolicyFile
from bot.purchases.policy.file import parse as parse
from bot.purchases.policy.file import read as read
from bot.purchases.policy.lists import Ask as Ask
from bot.purchases.policy.lists import Bundles as Bundles
from bot.purchases.policy.lists import Operators as Operators
from bot.purchases.policy.lists import Release as Release
from bot.purchases.policy.policy import Policy as Policy
from bot.purchases.policy.roles import MAY as MAY
from bot.purchases.policy.roles import Role as Role
from bot.purchases.policy.roles import Verb as Verb
from bot.purchases.policy.roles import may as may
from bot.purchases.policy.rules import Approve as Approve
from bot.purchases.policy.rules import Facts as Facts
from bot.purchases.policy.rules import Rule as Rule
