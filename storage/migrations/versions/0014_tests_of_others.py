"""Test messages from numbers of the account that were not bought here."""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('numbers', sa.Column('proof', sa.JSON(), nullable=True))
    op.add_column('numbers', sa.Column('proven_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('numbers', sa.Column('wake_at', sa.DateTime(timezone=True), nullable=True))
    open_ = sa.text('wake_at IS NOT NULL')
    op.create_index(
        'ix_numbers_wake_at', 'numbers', ['wake_at'], sqlite_where=open_, postgresql_where=open_
    )


def downgrade() -> None:
    op.drop_index('ix_numbers_wake_at', table_name='numbers')
    for column in ('wake_at', 'proven_at', 'proof'):
        op.execute(sa.text(f'ALTER TABLE numbers DROP COLUMN {column}'))
