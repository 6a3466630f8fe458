"""People: their name, their team and why they are barred. Lists of members have one prefix."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('people', sa.Column('display_name', sa.String(), nullable=True))
    op.add_column('people', sa.Column('team_id', sa.String(), nullable=True))
    op.add_column('people', sa.Column('barred', sa.String(32), nullable=True))
    # whether they are barred is not known: too old to rely on, so that Slack is asked
    people = sa.table('people', sa.column('read_at', sa.DateTime(timezone=True)))
    op.execute(people.update().values(read_at=datetime(1970, 1, 1, tzinfo=UTC)))
    # what was kept is five minutes' worth: read anew rather than renamed
    op.execute(sa.text("DELETE FROM kept WHERE key LIKE 'group:%' OR key LIKE 'channel:%'"))


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM kept WHERE key LIKE 'members:%'"))
    for column in ('barred', 'team_id', 'display_name'):
        op.execute(sa.text(f'ALTER TABLE people DROP COLUMN {column}'))
