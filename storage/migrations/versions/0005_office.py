"""The office: which process is the worker. Leases on purchases go, for one worker needs none (rule 10)."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('office',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('holder', sa.String(), nullable=False),
    sa.Column('held_until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_office'))
    )
    for column in ('lease', 'leased_until'):  # one by one: SQLite would make the table anew, which its references forbid
        op.execute(sa.text(f'ALTER TABLE purchases DROP COLUMN {column}'))


def downgrade() -> None:
    op.drop_table('office')
    op.execute(sa.text('ALTER TABLE purchases ADD COLUMN lease VARCHAR'))
    kind = 'DATETIME' if op.get_bind().dialect.name == 'sqlite' else 'TIMESTAMP WITH TIME ZONE'
    op.execute(sa.text(f'ALTER TABLE purchases ADD COLUMN leased_until {kind}'))
