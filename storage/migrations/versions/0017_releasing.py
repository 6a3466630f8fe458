"""Who has a number released, why, and how far that is."""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('purchases', sa.Column('releasing', sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.execute(sa.text('ALTER TABLE purchases DROP COLUMN releasing'))
