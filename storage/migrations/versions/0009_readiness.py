"""What was found of a number after it was bought, and the test message that proves it. What was not looked at needs no list any more."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('purchases', sa.Column('findings', sa.JSON(), nullable=False, server_default='[]'))
    op.add_column('purchases', sa.Column('proof', sa.JSON(), nullable=True))
    op.add_column('purchases', sa.Column('ready_at', sa.DateTime(timezone=True), nullable=True))
    op.execute(sa.text('ALTER TABLE purchases DROP COLUMN unchecked'))


def downgrade() -> None:
    op.add_column('purchases', sa.Column('unchecked', sa.JSON(), nullable=False, server_default='[]'))
    for column in ('ready_at', 'proof', 'findings'):
        op.execute(sa.text(f'ALTER TABLE purchases DROP COLUMN {column}'))
