"""One outbox for messages and for cards to draw, in place of deliveries and claims on cards; and the open troubles."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

OWED = sa.text('done_at IS NULL')


def upgrade() -> None:
    op.create_table('troubles',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('said', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_troubles'))
    )
    op.create_table('outbox',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('purchase_id', sa.String(32), nullable=True),
    sa.Column('bundle_id', sa.String(32), nullable=True),
    sa.Column('drawing_of', sa.String(32), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('after_card', sa.Boolean(), nullable=False),
    sa.Column('message', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.String(), nullable=True),
    sa.Column('ts', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_outbox_purchase_id_purchases')),
    sa.ForeignKeyConstraint(['bundle_id'], ['bundles.id'], name=op.f('fk_outbox_bundle_id_bundles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox'))
    )
    op.execute(sa.text("""
        INSERT INTO outbox (workspace_id, kind, address, purchase_id, bundle_id, version, after_card, message,
                            created_at, due_at, tries, done_at, outcome, ts)
        SELECT workspace_id, kind, address, purchase_id, bundle_id, 0,
               kind = 'thread' OR (kind = 'direct' AND purchase_id IS NOT NULL), message,
               created_at, due_at, tries, done_at, CASE WHEN done_at IS NULL THEN NULL ELSE 'delivered' END, ts
        FROM deliveries ORDER BY id
    """))
    empty = "CAST('{}' AS JSON)" if op.get_bind().dialect.name == 'postgresql' else "'{}'"
    op.execute(sa.text(f"""
        INSERT INTO outbox (workspace_id, kind, address, purchase_id, drawing_of, version, after_card, message,
                            created_at, due_at, tries)
        SELECT cards.workspace_id, 'card', channel, purchase_id, purchase_id, version, false, {empty},
               updated_at, draw_after, 0
        FROM cards JOIN purchases ON purchases.id = purchase_id
        WHERE ts IS NULL OR drawn_version < version ORDER BY updated_at
    """))
    op.execute(sa.text(f"""
        INSERT INTO outbox (workspace_id, kind, address, purchase_id, version, after_card, message,
                            created_at, due_at, tries)
        SELECT workspace_id, 'link', channel, purchase_id, 0, false, {empty}, draw_after, draw_after, 0
        FROM cards WHERE ts IS NOT NULL AND permalink IS NULL
    """))
    op.create_index('ix_outbox_address', 'outbox', ['address', 'id'], sqlite_where=OWED, postgresql_where=OWED)
    op.create_index('ix_outbox_due_at', 'outbox', ['due_at'], sqlite_where=OWED, postgresql_where=OWED)
    op.create_index('uq_outbox_one_drawing', 'outbox', ['drawing_of'], unique=True, sqlite_where=OWED, postgresql_where=OWED)
    op.create_index('ix_outbox_purchase_id', 'outbox', ['purchase_id'], sqlite_where=OWED, postgresql_where=OWED)
    op.create_index('ix_outbox_done_at', 'outbox', ['done_at'])
    op.drop_table('deliveries')
    with op.batch_alter_table('cards', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_cards_channel'))
        batch_op.alter_column('channel', new_column_name='channel_id')
        for column in ('draw_after', 'drawer', 'drawing_until', 'tries'):
            batch_op.drop_column(column)


def downgrade() -> None:
    with op.batch_alter_table('cards', schema=None) as batch_op:
        batch_op.alter_column('channel_id', new_column_name='channel')
        batch_op.add_column(sa.Column('draw_after', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('drawer', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('drawing_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('tries', sa.Integer(), nullable=False, server_default='0'))
    op.execute(sa.text('UPDATE cards SET draw_after = (SELECT updated_at FROM purchases WHERE id = purchase_id)'))
    with op.batch_alter_table('cards', schema=None) as batch_op:
        batch_op.alter_column('draw_after', existing_type=sa.DateTime(timezone=True), nullable=False)
        batch_op.alter_column('tries', existing_type=sa.Integer(), server_default=None)
        batch_op.create_index(batch_op.f('ix_cards_channel'), ['channel'])
    op.create_table('deliveries',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.String(), nullable=False),
    sa.Column('purchase_id', sa.String(), nullable=True),
    sa.Column('bundle_id', sa.String(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('message', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ts', sa.String(), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['purchase_id'], ['purchases.id'], name=op.f('fk_deliveries_purchase_id_purchases')),
    sa.ForeignKeyConstraint(['bundle_id'], ['bundles.id'], name=op.f('fk_deliveries_bundle_id_bundles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries'))
    )
    op.execute(sa.text("""
        INSERT INTO deliveries (workspace_id, purchase_id, bundle_id, kind, address, message,
                                created_at, due_at, ts, done_at, tries)
        SELECT workspace_id, purchase_id, bundle_id, kind, address, message, created_at, due_at, ts, done_at, tries
        FROM outbox WHERE kind NOT IN ('card', 'link') ORDER BY id
    """))
    op.create_index(op.f('ix_deliveries_address'), 'deliveries', ['address'])
    op.create_index('ix_deliveries_done_at_due_at', 'deliveries', ['done_at', 'due_at'])
    op.drop_table('outbox')
    op.drop_table('troubles')
