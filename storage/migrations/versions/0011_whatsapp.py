"""Where WhatsApp is wanted for a number, and how far its sender is."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('purchases', sa.Column('whatsapp', sa.JSON(), nullable=True))


def downgrade() -> None:
    op.execute(sa.text('ALTER TABLE purchases DROP COLUMN whatsapp'))
