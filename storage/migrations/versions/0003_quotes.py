"""Drafts apart from purchases; a quote with all that an approval covers; numbers that are held; approvals by subject.

What was written before is moved: rule 42. Forms that were opened and never sent become drafts while they are younger
than a day, and go otherwise, with their lines in the record. There is no way back: older code cannot read the rows.
"""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

UNFINISHED = ('awaiting_approval', 'in_progress', 'needs_changes', 'failed')
HOLDING = (*UNFINISHED, 'complete')
MOMENT = sa.DateTime(timezone=True)
KEPT_AS: dict[str, Any] = {
    'answers': sa.JSON(), 'capabilities': sa.JSON(), 'filters': sa.JSON(), 'results': sa.JSON(none_as_null=True),
    'number': sa.JSON(), 'alternatives': sa.JSON(), 'unchecked': sa.JSON(), 'waiting': sa.JSON(none_as_null=True),
    'problem': sa.JSON(none_as_null=True), 'regulated': sa.Boolean(), 'created_at': MOMENT, 'updated_at': MOMENT,
    'decided_at': MOMENT, 'bundle_approved_at': MOMENT, 'buying_at': MOMENT, 'attached_at': MOMENT,
    'checked_at': MOMENT, 'wake_at': MOMENT,
}
PLAIN = (
    'id', 'workspace_id', 'account_sid', 'requester_id', 'state', 'version', 'page', 'country', 'number_type', 'contains',
    'purpose', 'results_page', 'phone_number', 'end_user_type', 'bundle_id', 'address_sid', 'wanted_service_sid',
    'wanted_service_name', 'if_gone', 'quote', 'price', 'currency', 'ceiling', 'decided_by', 'reason', 'looks',
    'phone_number_sid', 'messaging_service_sid', 'tries',
)
OLD = sa.table('old_purchases', *(sa.column(name) for name in PLAIN), *(sa.column(n, kind) for n, kind in KEPT_AS.items()))
OLD_QUOTES = sa.table(
    'old_quotes', sa.column('purchase_id'), sa.column('quote'), sa.column('phone_number'), sa.column('price'),
    sa.column('ceiling'), sa.column('currency'), sa.column('quoted_at', MOMENT),
)
OLD_APPROVALS = sa.table(
    'old_approvals', sa.column('id'), sa.column('workspace_id'), sa.column('purchase_id'), sa.column('quote'),
    sa.column('person_id'), sa.column('approved_at', MOMENT),
)
AT_ONCE = 500


def upgrade() -> None:
    bind = op.get_bind()
    sqlite = bind.dialect.name == 'sqlite'
    never_sent = "SELECT id FROM purchases WHERE quote = 0"
    for child in ('record', 'cards', 'deliveries', 'approvals', 'quotes'):
        op.execute(sa.text(f'DELETE FROM {child} WHERE purchase_id IN ({never_sent})'))
    if sqlite:  # the rows of purchases go and come back under the same keys before the commit
        op.execute(sa.text('PRAGMA defer_foreign_keys=ON'))
    for name in ('purchases', 'quotes', 'approvals'):
        op.execute(sa.text(f'CREATE TABLE old_{name} AS SELECT * FROM {name}'))
    op.drop_table('quotes')
    op.drop_table('approvals')
    op.execute(sa.text('DROP TABLE purchases' if sqlite else 'DROP TABLE purchases CASCADE'))
    op.execute(sa.text('ALTER TABLE record RENAME COLUMN quote TO quote_no'))
    op.execute(sa.text('ALTER TABLE messaging_services ADD COLUMN made_at ' + ('DATETIME' if sqlite else 'TIMESTAMP WITH TIME ZONE')))
    _create()
    _move(bind)
    if not sqlite:
        for child in ('cards', 'deliveries', 'record'):
            op.create_foreign_key(f'fk_{child}_purchase_id_purchases', child, 'purchases', ['purchase_id'], ['id'])
    for name in ('purchases', 'quotes', 'approvals'):
        op.drop_table(f'old_{name}')


def _move(bind: sa.Connection) -> None:
    made = sa.MetaData()
    made.reflect(bind, only=['drafts', 'purchases', 'quotes', 'numbers', 'approvals'])
    for table, column in (('purchases', 'waiting'), ('purchases', 'problem'), ('drafts', 'results')):
        made.tables[table].c[column].type = sa.JSON(none_as_null=True)
    moment = datetime.now(timezone.utc)
    services = _services(bind)
    last = ''
    while True:
        rows = bind.execute(sa.select(OLD).where(OLD.c.id > last).order_by(OLD.c.id).limit(AT_ONCE)).mappings().all()
        if not rows:
            break
        last = rows[-1]['id']
        sent = [row for row in rows if row['quote'] > 0]
        drafts = [
            _draft(row) for row in rows
            if row['state'] == 'draft' and _aware(row['updated_at']) > moment - timedelta(days=1)
        ]
        ids = [row['id'] for row in sent]
        quotes = bind.execute(
            sa.select(OLD_QUOTES).where(OLD_QUOTES.c.purchase_id.in_(ids)).order_by(OLD_QUOTES.c.quote)
        ).mappings().all()
        frozen = [each for row in sent for each in _quotes(row, [q for q in quotes if q['purchase_id'] == row['id']], services)]
        newest = {each['purchase_id']: each for each in frozen}
        _insert(bind, made, 'drafts', drafts)
        _insert(bind, made, 'purchases', [_purchase(row, newest[row['id']], moment) for row in sent])
        _insert(bind, made, 'quotes', frozen)
        _insert(bind, made, 'numbers', [_number(row, moment) for row in sent if row['state'] in HOLDING or row['phone_number_sid']])
    approvals = bind.execute(sa.select(OLD_APPROVALS)).mappings().all()
    _insert(bind, made, 'approvals', [
        {
            'workspace_id': row['workspace_id'], 'subject': f"quote:{row['purchase_id']}:{row['quote']}", 'stage': 1,
            'person_id': row['person_id'], 'approved_at': row['approved_at'], 'rule': 'approve', 'policy_version': '',
        }
        for row in approvals
    ])


def _insert(bind: sa.Connection, made: sa.MetaData, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        bind.execute(sa.insert(made.tables[table]), rows)


def _services(bind: sa.Connection) -> dict[str, Any]:
    """Names of the messaging services as they were last read."""
    kept = bind.execute(sa.text("SELECT value FROM kept WHERE key = 'services'")).scalars().all()
    found = [json.loads(value) if isinstance(value, str) else value for value in kept]
    return {each['sid']: each['name'] for value in found for each in value or ()}


def _draft(row: sa.RowMapping) -> dict[str, Any]:
    find = {'country': row['country'], 'number_type': row['number_type'], 'purpose': row['purpose'], **(row['answers'].get('find') or {})}
    copied = ('id', 'workspace_id', 'account_sid', 'requester_id', 'created_at', 'updated_at', 'version', 'page', 'results', 'results_page', 'regulated', 'bundle_id')
    answers = {**row['answers'], 'find': {name: value for name, value in find.items() if value is not None}}
    return {**{name: row[name] for name in copied}, 'channel_id': '', 'answers': answers}


def _purchase(row: sa.RowMapping, quote: dict[str, Any], moment: datetime) -> dict[str, Any]:
    copied = (
        'id', 'workspace_id', 'account_sid', 'requester_id', 'state', 'version', 'created_at', 'updated_at', 'decided_by',
        'decided_at', 'reason', 'bundle_approved_at', 'buying_at', 'looks', 'phone_number_sid', 'messaging_service_sid',
        'attached_at', 'checked_at', 'unchecked', 'waiting', 'problem', 'alternatives', 'tries',
    )
    bought = row['phone_number_sid'] is not None
    hour = moment + timedelta(hours=1)
    return {
        **{name: row[name] for name in copied},
        'owner_id': row['requester_id'],
        'channel_id': '',
        'purpose': row['purpose'] or '',
        'quote_no': quote['quote_no'],
        'revision': quote['revision'],
        'bought_at': row['updated_at'] if bought else None,
        'charged': quote['price'] if bought or row['buying_at'] is not None else None,
        'wake_at': (row['wake_at'] or hour) if row['state'] in UNFINISHED else None,
    }


def _quotes(row: sa.RowMapping, asked: list[Any], services: dict[str, str]) -> list[dict[str, Any]]:
    """All of the purchase's quotes. Of older ones only number and price were kept; the rest is as it stands now."""
    number = row['number'] or {}
    sid, name = row['wanted_service_sid'], row['wanted_service_name']
    common = {
        'workspace_id': row['workspace_id'],
        'purchase_id': row['id'],
        'country': row['country'] or '',
        'number_type': row['number_type'] or '',
        'capabilities': number.get('capabilities') or [],
        'wanted': row['capabilities'] or [],
        'locality': number.get('locality') or '',
        'region': number.get('region') or '',
        'contains': row['contains'] or '',
        'filters': row['filters'] or {},
        'destinations': [],
        'address_requirements': number.get('address_requirements') or 'none',
        'address_sid': row['address_sid'],
        'regulated': bool(row['regulated']),
        'end_user_type': row['end_user_type'],
        'bundle_id': row['bundle_id'],
        'service': 'existing' if sid else 'new' if name else 'none',
        'service_sid': sid,
        'service_name': name or services.get(sid) or '',
        'if_gone': row['if_gone'],
        'instead_of': None,
    }
    if not asked:  # written by hand, or by a test
        asked = [{
            'quote': row['quote'], 'phone_number': row['phone_number'], 'price': row['price'] or '0',
            'ceiling': row['ceiling'] or row['price'] or '0', 'currency': row['currency'] or 'USD', 'quoted_at': row['created_at'],
        }]
    made = [
        {
            **common, 'quote_no': each['quote'], 'revision': 0, 'quoted_at': each['quoted_at'],
            'phone_number': each['phone_number'], 'price': each['price'], 'ceiling': each['ceiling'], 'currency': each['currency'],
        }
        for each in asked
    ]
    if row['phone_number'] and row['phone_number'] != made[-1]['phone_number']:  # the closest match was taken
        made.append({**made[-1], 'revision': 1, 'phone_number': row['phone_number'], 'instead_of': made[-1]['phone_number']})
    return made


def _number(row: sa.RowMapping, moment: datetime) -> dict[str, Any]:
    bought = row['phone_number_sid'] is not None
    return {
        'account_sid': row['account_sid'], 'phone_number': row['phone_number'], 'phone_number_sid': row['phone_number_sid'],
        'purchase_id': row['id'], 'held_at': row['created_at'], 'owned_at': row['updated_at'] if bought else None, 'released_at': None,
    }


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _create() -> None:
    op.create_table('drafts',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('account_sid', sa.String(), nullable=False),
    sa.Column('requester_id', sa.String(), nullable=False),
    sa.Column('channel_id', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('page', sa.String(), nullable=True),
    sa.Column('answers', sa.JSON(), nullable=False),
    sa.Column('results', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('results_page', sa.Integer(), nullable=False),
    sa.Column('regulated', sa.Boolean(), nullable=True),
    sa.Column('bundle_id', sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(['bundle_id'], ['bundles.id'], name=op.f('fk_drafts_bundle_id_bundles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_drafts'))
    )

    op.create_table('purchases',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('account_sid', sa.String(), nullable=False),
    sa.Column('requester_id', sa.String(), nullable=False),
    sa.Column('owner_id', sa.String(), nullable=False),
    sa.Column('channel_id', sa.String(), nullable=False),
    sa.Column('group_id', sa.String(length=32), nullable=True),
    sa.Column('purpose', sa.String(), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('quote_no', sa.Integer(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('decided_by', sa.String(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('despite_balance_by', sa.String(), nullable=True),
    sa.Column('bundle_approved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('buying_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('looks', sa.Integer(), nullable=False),
    sa.Column('phone_number_sid', sa.String(), nullable=True),
    sa.Column('bought_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('charged', sa.String(32), nullable=True),
    sa.Column('messaging_service_sid', sa.String(), nullable=True),
    sa.Column('attached_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('unchecked', sa.JSON(), nullable=False),
    sa.Column('wake_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('waiting', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('problem', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('alternatives', sa.JSON(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('lease', sa.String(), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_purchases'))
    )

    op.create_table('quotes',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('purchase_id', sa.String(length=32), nullable=False),
    sa.Column('quote_no', sa.Integer(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('quoted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('phone_number', sa.String(), nullable=False),
    sa.Column('country', sa.String(), nullable=False),
    sa.Column('number_type', sa.String(), nullable=False),
    sa.Column('capabilities', sa.JSON(), nullable=False),
    sa.Column('wanted', sa.JSON(), nullable=False),
    sa.Column('locality', sa.String(), nullable=False),
    sa.Column('region', sa.String(), nullable=False),
    sa.Column('contains', sa.String(), nullable=False),
    sa.Column('filters', sa.JSON(), nullable=False),
    sa.Column('destinations', sa.JSON(), nullable=False),
    sa.Column('address_requirements', sa.String(), nullable=False),
    sa.Column('address_sid', sa.String(), nullable=True),
    sa.Column('regulated', sa.Boolean(), nullable=False),
    sa.Column('end_user_type', sa.String(), nullable=True),
    sa.Column('bundle_id', sa.String(length=32), nullable=True),
    sa.Column('service', sa.String(32), nullable=False),
    sa.Column('service_sid', sa.String(), nullable=True),
    sa.Column('service_name', sa.String(), nullable=False),
    sa.Column('price', sa.String(32), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('ceiling', sa.String(32), nullable=False),
    sa.Column('if_gone', sa.String(32), nullable=False),
    sa.Column('instead_of', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['bundle_id'], ['bundles.id'], name=op.f('fk_quotes_bundle_id_bundles')),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_quotes_purchase_id_purchases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quotes')),
    sa.UniqueConstraint('purchase_id', 'quote_no', 'revision', name=op.f('uq_quotes_purchase_id_quote_no_revision'))
    )

    op.create_table('numbers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_sid', sa.String(), nullable=False),
    sa.Column('phone_number', sa.String(), nullable=False),
    sa.Column('phone_number_sid', sa.String(), nullable=True),
    sa.Column('purchase_id', sa.String(length=32), nullable=True),
    sa.Column('held_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('owned_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_numbers_purchase_id_purchases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_numbers'))
    )

    op.create_table('approvals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('stage', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('rule', sa.String(), nullable=False),
    sa.Column('policy_version', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approvals')),
    sa.UniqueConstraint('subject', 'stage', 'person_id', name=op.f('uq_approvals_subject_stage_person_id'))
    )
    op.create_index('ix_purchases_account_sid_intents', 'purchases', ['account_sid'], unique=False, sqlite_where=sa.text('buying_at IS NOT NULL AND phone_number_sid IS NULL'), postgresql_where=sa.text('buying_at IS NOT NULL AND phone_number_sid IS NULL'))
    op.create_index('ix_purchases_requester_id_updated_at', 'purchases', ['requester_id', 'updated_at'], unique=False)
    op.create_index('ix_purchases_wake_at', 'purchases', ['wake_at'], unique=False, sqlite_where=sa.text('wake_at IS NOT NULL'), postgresql_where=sa.text('wake_at IS NOT NULL'))
    op.create_index('ix_drafts_requester_id_updated_at', 'drafts', ['requester_id', 'updated_at'], unique=False)
    op.create_index('ix_drafts_updated_at', 'drafts', ['updated_at'], unique=False)
    op.create_index('ix_numbers_phone_number_sid', 'numbers', ['phone_number_sid'], unique=False)
    op.create_index('ix_numbers_purchase_id', 'numbers', ['purchase_id'], unique=False)
    op.create_index('uq_numbers_live', 'numbers', ['account_sid', 'phone_number'], unique=True, sqlite_where=sa.text('released_at IS NULL'), postgresql_where=sa.text('released_at IS NULL'))
    op.create_index('ix_quotes_bundle_id', 'quotes', ['bundle_id'], unique=False)


def downgrade() -> None:
    raise RuntimeError('There is no way back from this migration: restore the copy that was made before it.')
