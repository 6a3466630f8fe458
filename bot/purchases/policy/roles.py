"""One table of who may do what with a purchase or a number: verb and role (rule 41)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    REQUESTER = "requester"
    """who asked for the number"""
    OWNER = "owner"
    """who answers for it; at first the requester"""
    APPROVER = "approver"
    """whom the rule that applies names, on a request of somebody else's (or where own_request allows it)"""
    EMERGENCY = "emergency"
    """whom [emergency] covers, on a request of somebody else's (or where own_request allows it)"""
    BUNDLES = "bundles"
    """whom [bundles] covers: where it is left out, whoever may ask or approve"""
    RELEASER = "releaser"
    """whom the rule's release names, or else [release], or else the approvers; as an approver never about what is their own"""
    OPERATOR = "operator"
    """whom [operators] covers: where it is left out, the members of the operators' channel"""


class Verb(StrEnum):
    """What a person does with a purchase or a number."""

    APPROVE = "approve"
    APPROVE_ALONE = "approve_alone"
    DENY = "deny"
    BUY_ANYWAY = "buy_anyway"
    TAKE_OVER = "take_over"
    WITHDRAW = "withdraw"
    RETRY = "retry"
    END = "end"
    RELEASE = "release"
    PICK_NUMBER = "pick_number"
    ASK_AGAIN = "ask_again"
    ADD_BUNDLE = "add_bundle"
    CHOOSE_ADDRESS = "choose_address"
    CHOOSE_SERVICE = "choose_service"
    CHECK = "check"
    TEST = "test"
    ENABLE_GEO_PERMISSION = "enable_geo_permission"
    SET_INBOUND = "set_inbound"
    ENABLE_WHATSAPP = "enable_whatsapp"
    HAND_OVER = "hand_over"


_APPROVERS = frozenset({Role.APPROVER})
_INVOLVED = frozenset({Role.REQUESTER, Role.OWNER, Role.APPROVER})

MAY: Mapping[Verb, frozenset[Role]] = {
    Verb.APPROVE: _APPROVERS,
    Verb.APPROVE_ALONE: frozenset({Role.EMERGENCY}),
    Verb.DENY: _APPROVERS,
    Verb.BUY_ANYWAY: _APPROVERS,
    Verb.TAKE_OVER: _APPROVERS,
    Verb.WITHDRAW: _INVOLVED,
    Verb.RETRY: _INVOLVED,
    Verb.END: _INVOLVED,
    Verb.RELEASE: frozenset({Role.RELEASER}),
    Verb.PICK_NUMBER: _INVOLVED,
    Verb.ASK_AGAIN: _INVOLVED,
    Verb.ADD_BUNDLE: _INVOLVED | {Role.BUNDLES},
    Verb.CHOOSE_ADDRESS: _INVOLVED,
    Verb.CHOOSE_SERVICE: _INVOLVED,
    Verb.CHECK: _INVOLVED,
    Verb.TEST: _INVOLVED,
    Verb.ENABLE_GEO_PERMISSION: _APPROVERS,
    Verb.SET_INBOUND: _APPROVERS,
    Verb.ENABLE_WHATSAPP: _APPROVERS,
    Verb.HAND_OVER: frozenset({Role.OWNER, Role.APPROVER, Role.OPERATOR}),
}
"""The one table of who may do what; docs/rules.md shows it (rule 41)."""


def may(verb: Verb, roles: Iterable[Role]) -> bool:
    return not MAY[verb].isdisjoint(roles)
