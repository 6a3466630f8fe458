"""By which rule of the policy a request is judged, whose turn it is, and how long they were asked."""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

COUNTERS = {'stage': '1', 'reminders': '0', 'passed_on_stage': '0'}


def upgrade() -> None:
    op.add_column('purchases', sa.Column('rule', sa.String(), nullable=True))
    for name in ('asked_at', 'reminded_at'):
        op.add_column('purchases', sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for name, first in COUNTERS.items():
        op.add_column('purchases', sa.Column(name, sa.Integer(), nullable=False, server_default=first))


def downgrade() -> None:
    for name in ('rule', 'asked_at', 'reminded_at', *COUNTERS):
        op.execute(sa.text(f'ALTER TABLE purchases DROP COLUMN {name}'))
