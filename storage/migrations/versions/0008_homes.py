"""Who has the app's Home open: for a day."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'homes',
        sa.Column('user_id', sa.String(), nullable=False),
        sa.Column('workspace_id', sa.String(), nullable=False),
        sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('user_id', name='pk_homes'),
    )
    op.create_index('ix_homes_opened_at', 'homes', ['opened_at'])


def downgrade() -> None:
    op.drop_table('homes')
