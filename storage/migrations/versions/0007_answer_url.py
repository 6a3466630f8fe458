"""Where a request is answered to the requester alone, for half an hour: the command's ``response_url``."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('drafts', 'outbox'):
        op.add_column(table, sa.Column('answer_url', sa.String(), nullable=True))


def downgrade() -> None:
    for table in ('drafts', 'outbox'):
        op.execute(sa.text(f'ALTER TABLE {table} DROP COLUMN answer_url'))
