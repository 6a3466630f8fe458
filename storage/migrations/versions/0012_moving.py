"""The messaging service that a bought number is moved out of."""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('purchases', sa.Column('leaves_service_sid', sa.String(), nullable=True))


def downgrade() -> None:
    op.execute(sa.text('ALTER TABLE purchases DROP COLUMN leaves_service_sid'))
