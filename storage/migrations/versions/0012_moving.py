"""The messaging service that a bought number is moved out of, and whether an address lay in another town than the number."""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('purchases', sa.Column('leaves_service_sid', sa.String(), nullable=True))
    op.add_column(
        'quotes', sa.Column('address_elsewhere', sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.execute(sa.text('ALTER TABLE purchases DROP COLUMN leaves_service_sid'))
    op.execute(sa.text('ALTER TABLE quotes DROP COLUMN address_elsewhere'))
