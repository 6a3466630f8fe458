"""Who holds a bundle's claim, as it was for messaging services: one kind of claim."""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('bundles', sa.Column('claimed_by', sa.String(), nullable=True))


def downgrade() -> None:
    op.execute(sa.text('ALTER TABLE bundles DROP COLUMN claimed_by'))
