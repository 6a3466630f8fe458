"""What is due is found by state, however much of it there is."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

AWAKE: dict[str, Any] = {f'{dialect}_where': sa.text('wake_at IS NOT NULL') for dialect in ('sqlite', 'postgresql')}


def upgrade() -> None:
    op.create_index('ix_purchases_state_wake_at', 'purchases', ['state', 'wake_at'], **AWAKE)
    op.drop_index('ix_purchases_wake_at', table_name='purchases')


def downgrade() -> None:
    op.create_index('ix_purchases_wake_at', 'purchases', ['wake_at'], **AWAKE)
    op.drop_index('ix_purchases_state_wake_at', table_name='purchases')
