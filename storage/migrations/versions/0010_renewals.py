"""Renewals: which bundle a copy renews, and what it shall give to that one once Twilio has approved it."""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

RENEWING = sa.text("renews_id IS NOT NULL AND status <> 'deleted'")


def upgrade() -> None:
    op.add_column('bundles', sa.Column('renews_id', sa.String(), nullable=True))
    op.add_column('bundles', sa.Column('replacing', sa.JSON(none_as_null=True), nullable=True))
    op.create_index(
        'uq_bundles_renewing',
        'bundles',
        ['renews_id'],
        unique=True,
        sqlite_where=RENEWING,
        postgresql_where=RENEWING,
    )


def downgrade() -> None:
    op.drop_index('uq_bundles_renewing', table_name='bundles')
    for column in ('replacing', 'renews_id'):
        op.execute(sa.text(f'ALTER TABLE bundles DROP COLUMN {column}'))
