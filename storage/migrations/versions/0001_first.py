"""first"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('bundles',
    sa.Column('id', sa.String(32), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('account_sid', sa.String(), nullable=False),
    sa.Column('sid', sa.String(), nullable=False),
    sa.Column('friendly_name', sa.String(), nullable=False),
    sa.Column('country', sa.String(), nullable=False),
    sa.Column('number_type', sa.String(), nullable=False),
    sa.Column('end_user_type', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('address_sids', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bundles')),
    sa.UniqueConstraint('account_sid', 'sid', name=op.f('uq_bundles_account_sid_sid'))
    )
    op.create_table('kept',
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('workspace_id', 'key', name=op.f('pk_kept'))
    )
    op.create_table('messaging_services',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('account_sid', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('sid', sa.String(), nullable=True),
    sa.Column('claimed_by', sa.String(), nullable=True),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_messaging_services')),
    sa.UniqueConstraint('account_sid', 'name', name=op.f('uq_messaging_services_account_sid_name'))
    )
    op.create_table('people',
    sa.Column('user_id', sa.String(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('locale', sa.String(), nullable=False),
    sa.Column('dm_channel', sa.String(), nullable=True),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_people'))
    )
    op.create_table('purchases',
    sa.Column('id', sa.String(32), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('account_sid', sa.String(), nullable=False),
    sa.Column('requester_id', sa.String(), nullable=False),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('page', sa.String(), nullable=True),
    sa.Column('answers', sa.JSON(), nullable=False),
    sa.Column('country', sa.String(), nullable=True),
    sa.Column('number_type', sa.String(), nullable=True),
    sa.Column('capabilities', sa.JSON(), nullable=False),
    sa.Column('contains', sa.String(), nullable=True),
    sa.Column('purpose', sa.String(), nullable=True),
    sa.Column('filters', sa.JSON(), nullable=False),
    sa.Column('results', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('searched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('results_page', sa.Integer(), nullable=False),
    sa.Column('phone_number', sa.String(), nullable=True),
    sa.Column('number', sa.JSON(), nullable=False),
    sa.Column('regulated', sa.Boolean(), nullable=False),
    sa.Column('end_user_type', sa.String(), nullable=True),
    sa.Column('bundle_id', sa.String(), nullable=True),
    sa.Column('address_sid', sa.String(), nullable=True),
    sa.Column('wanted_service_sid', sa.String(), nullable=True),
    sa.Column('wanted_service_name', sa.String(), nullable=True),
    sa.Column('if_gone', sa.String(), nullable=False),
    sa.Column('quote', sa.Integer(), nullable=False),
    sa.Column('price', sa.String(32), nullable=True),
    sa.Column('currency', sa.String(), nullable=True),
    sa.Column('ceiling', sa.String(32), nullable=True),
    sa.Column('decided_by', sa.String(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('bundle_approved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('buying_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('looks', sa.Integer(), nullable=False),
    sa.Column('phone_number_sid', sa.String(), nullable=True),
    sa.Column('messaging_service_sid', sa.String(), nullable=True),
    sa.Column('attached_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('wake_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('waiting', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('problem', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('alternatives', sa.JSON(), nullable=False),
    sa.Column('unchecked', sa.JSON(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('lease', sa.String(), nullable=True),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['bundle_id'], ['bundles.id'], name=op.f('fk_purchases_bundle_id_bundles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_purchases'))
    )
    with op.batch_alter_table('purchases', schema=None) as batch_op:
        batch_op.create_index('ix_purchases_requester_id_updated_at', ['requester_id', 'updated_at'], unique=False)
        batch_op.create_index('ix_purchases_state_wake_at', ['state', 'wake_at'], unique=False)
        batch_op.create_index('uq_purchases_live_number', ['account_sid', 'phone_number'], unique=True, sqlite_where=sa.text("state IN ('awaiting_approval', 'in_progress', 'needs_changes', 'complete', 'failed') OR phone_number_sid IS NOT NULL"), postgresql_where=sa.text("state IN ('awaiting_approval', 'in_progress', 'needs_changes', 'complete', 'failed') OR phone_number_sid IS NOT NULL"))

    op.create_table('approvals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('purchase_id', sa.String(), nullable=False),
    sa.Column('quote', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_approvals_purchase_id_purchases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approvals')),
    sa.UniqueConstraint('purchase_id', 'quote', 'person_id', name=op.f('uq_approvals_purchase_id_quote_person_id'))
    )
    op.create_table('cards',
    sa.Column('purchase_id', sa.String(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('ts', sa.String(), nullable=True),
    sa.Column('permalink', sa.String(), nullable=True),
    sa.Column('drawn_version', sa.Integer(), nullable=False),
    sa.Column('draw_after', sa.DateTime(timezone=True), nullable=False),
    sa.Column('drawer', sa.String(), nullable=True),
    sa.Column('drawing_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_cards_purchase_id_purchases')),
    sa.PrimaryKeyConstraint('purchase_id', name=op.f('pk_cards'))
    )
    with op.batch_alter_table('cards', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cards_channel'), ['channel'], unique=False)

    op.create_table('deliveries',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('purchase_id', sa.String(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('message', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ts', sa.String(), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_deliveries_purchase_id_purchases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries'))
    )
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_deliveries_address'), ['address'], unique=False)
        batch_op.create_index('ix_deliveries_done_at_due_at', ['done_at', 'due_at'], unique=False)

    op.create_table('quotes',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('purchase_id', sa.String(), nullable=False),
    sa.Column('quote', sa.Integer(), nullable=False),
    sa.Column('phone_number', sa.String(), nullable=False),
    sa.Column('price', sa.String(32), nullable=False),
    sa.Column('ceiling', sa.String(32), nullable=False),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('quoted_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_quotes_purchase_id_purchases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quotes')),
    sa.UniqueConstraint('purchase_id', 'quote', name=op.f('uq_quotes_purchase_id_quote'))
    )
    op.create_table('record',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('purchase_id', sa.String(), nullable=False),
    sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('person_id', sa.String(), nullable=True),
    sa.Column('what', sa.String(), nullable=False),
    sa.Column('quote', sa.Integer(), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_record_purchase_id_purchases')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_record'))
    )
    with op.batch_alter_table('record', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_record_purchase_id'), ['purchase_id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('record', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_record_purchase_id'))

    op.drop_table('record')
    op.drop_table('quotes')
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.drop_index('ix_deliveries_done_at_due_at')
        batch_op.drop_index(batch_op.f('ix_deliveries_address'))

    op.drop_table('deliveries')
    with op.batch_alter_table('cards', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_cards_channel'))

    op.drop_table('cards')
    op.drop_table('approvals')
    with op.batch_alter_table('purchases', schema=None) as batch_op:
        batch_op.drop_index('uq_purchases_live_number', sqlite_where=sa.text("state IN ('awaiting_approval', 'in_progress', 'needs_changes', 'complete', 'failed') OR phone_number_sid IS NOT NULL"), postgresql_where=sa.text("state IN ('awaiting_approval', 'in_progress', 'needs_changes', 'complete', 'failed') OR phone_number_sid IS NOT NULL"))
        batch_op.drop_index('ix_purchases_state_wake_at')
        batch_op.drop_index('ix_purchases_requester_id_updated_at')

    op.drop_table('purchases')
    op.drop_table('people')
    op.drop_table('messaging_services')
    op.drop_table('kept')
    op.drop_table('bundles')
