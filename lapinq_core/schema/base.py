"""What all tables share: the metadata, column types, and storage parameters of tables that change constantly."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TIMESTAMP, UUID

metadata = sa.MetaData()

timestamptz = TIMESTAMP(timezone=True)
uuid = UUID(as_uuid=True)
BYTES = sa.Text(collation="C")
"""Text in the order of its bytes."""
RANDOM_UUID = sa.text("gen_random_uuid()")
HOT = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_threshold": "1000",
    "autovacuum_vacuum_cost_delay": "0",
}
