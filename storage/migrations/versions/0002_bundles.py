"""Bundles made here: who made and submitted them, how far they are, when they were decided; their lines in the record."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.text("DELETE FROM kept WHERE key LIKE 'regulations:%'"))  # kept in short until now
    with op.batch_alter_table('bundles', schema=None) as batch_op:
        batch_op.add_column(sa.Column('regulation_sid', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('created_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('made_by', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('document_group', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('addresses', sa.JSON(), nullable=False, server_default='{}'))
        batch_op.add_column(sa.Column('submitted_by', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('lapse_told', sa.Integer(), nullable=True))
        batch_op.create_index('ix_bundles_account_sid_country_number_type', ['account_sid', 'country', 'number_type'], unique=False)

    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.add_column(sa.Column('bundle_id', sa.String(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_deliveries_bundle_id_bundles'), 'bundles', ['bundle_id'], ['id'])

    with op.batch_alter_table('record', schema=None) as batch_op:
        batch_op.add_column(sa.Column('bundle_id', sa.String(), nullable=True))
        batch_op.alter_column('purchase_id', existing_type=sa.String(), nullable=True)
        batch_op.create_index(batch_op.f('ix_record_bundle_id'), ['bundle_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_record_bundle_id_bundles'), 'bundles', ['bundle_id'], ['id'])


def downgrade() -> None:
    op.execute(sa.text('DELETE FROM record WHERE purchase_id IS NULL'))
    op.execute(sa.text("DELETE FROM kept WHERE key LIKE 'regulation%:%'"))
    with op.batch_alter_table('record', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_record_bundle_id_bundles'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_record_bundle_id'))
        batch_op.alter_column('purchase_id', existing_type=sa.String(), nullable=False)
        batch_op.drop_column('bundle_id')

    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_deliveries_bundle_id_bundles'), type_='foreignkey')
        batch_op.drop_column('bundle_id')

    # one by one: SQLite would make the table anew, which a purchase's reference to a bundle forbids
    op.drop_index('ix_bundles_account_sid_country_number_type', table_name='bundles')
    for column in (
        'lapse_told',
        'decided_at',
        'submitted_at',
        'submitted_by',
        'addresses',
        'document_group',
        'claimed_until',
        'made_by',
        'created_at',
        'regulation_sid',
    ):
        op.execute(sa.text(f'ALTER TABLE bundles DROP COLUMN {column}'))
