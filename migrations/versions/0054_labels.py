"""Label credit: certified land, accounts in grams, what lots carry of them, labels and their serials.

Going down, what was said of labels is forgotten, with the cases that ask about them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

CASES = (
    "kind IN ('shrink_deviation', 'weighbridge_gap', 'shortfall', 'reconciliation', 'late_payment', 'refund',"
    " 'payment'{new})"
)
NEW_CASES = ("label_harvest", "label_balance", "label_credit", "label_serial")

AREA = {
    'version': 'version > 0',
}

SEASON = {
    'ceiling': 'ceiling_grams_per_hectare BETWEEN 1 AND 200000000',
    'permille': 'overfill_permille BETWEEN 0 AND 200 AND shrink_permille BETWEEN 0 AND 500 AND'
    ' provisional_permille BETWEEN 0 AND 1000 AND tolerance_permille BETWEEN 0 AND 100',
    'season': 'season BETWEEN 2000 AND 2099',
    'version': 'version > 0',
}

PLOT = {
    'days': 'valid_until >= valid_from',
    'square_metres': 'square_metres BETWEEN 1 AND 1000000000',
    'version': 'version > 0',
}

DESIGN = {
    'media_type': "media_type IN ('application/pdf', 'image/png', 'image/jpeg')",
    'number': 'number BETWEEN 1 AND 50',
    'season': 'season BETWEEN 2000 AND 2099',
    'sha256': "sha256 = encode(sha256(data), 'hex')",
    'size': 'size_bytes = octet_length(data) AND size_bytes BETWEEN 1 AND 2000000',
}

ACCOUNT = {
    'balance': 'balance_grams >= 0 AND owed_grams >= 0 AND (balance_grams = 0 OR owed_grams = 0)',
    'counters': 'eligible_grams >= 0 AND shrunk_grams >= 0 AND shrink_charged_grams >= 0 AND provisional_grams'
    ' BETWEEN 0 AND coalesce(provisional_granted_grams, 0)',
    'version': 'version >= 0',
}

BATCH = {
    'consumed': 'net_grams > 0 AND consumed_grams = div(labels_count::numeric * net_grams * (1000 +'
    ' overfill_permille) + 999, 1000)',
    'given_back': 'given_back_count BETWEEN 0 AND labels_count',
    'labels': 'labels_count BETWEEN 1 AND 10000',
    'version': 'version > 0',
}

CHANGE = {
    'answered': "num_nulls(answered_by, answered_at) = CASE state WHEN 'proposed' THEN 2 ELSE 0 END",
    'grams': "CASE kind WHEN 'transfer' THEN num_nulls(to_cooperative_id, from_lot_id, to_lot_id) = 0 AND"
    ' grams > 0 ELSE num_nonnulls(to_cooperative_id, from_lot_id, to_lot_id) = 0 AND grams <> 0 END',
    'kind': "kind IN ('adjust', 'transfer')",
    'state': "state IN ('proposed', 'approved', 'rejected')",
    'two_people': "state <> 'approved' OR answered_by <> proposed_by",
    'version': 'version > 0',
}

LINE = {
    'balance': 'balance_grams >= 0 AND owed_grams >= 0 AND (balance_grams = 0 OR owed_grams = 0)',
    'batch': "(kind IN ('label_issue', 'label_void')) = (batch_id IS NOT NULL)",
    'change': "(kind IN ('adjust', 'transfer_in', 'transfer_out')) = (change_id IS NOT NULL)",
    'issue': "kind <> 'label_issue' OR owed_grams = 0",
    'kind': "CASE WHEN kind IN ('harvest_eligible', 'label_void', 'provisional', 'transfer_in') THEN grams >"
    " 0 WHEN kind IN ('cull', 'label_issue', 'provisional_replaced', 'shrink', 'transfer_out') THEN"
    " grams < 0 ELSE kind = 'adjust' END",
    'number': 'number > 0 AND grams <> 0',
}

LOT = {
    'earned': '0 <= earned_grams AND earned_grams <= certified_grams',
    'labelled': 'labelled_grams >= 0',
    'leaving': '0 <= leaving_earned_grams AND leaving_earned_grams <= leaving_certified_grams AND'
    ' leaving_certified_grams <= leaving_grams',
    'suspended': 'NOT is_suspended OR earned_grams = 0',
}

HARVEST = {
    'grams': '0 <= certified_grams AND certified_grams <= weighed_grams',
}

SERIAL = {
    'bound': 'num_nulls(lot_id, bound_at) IN (0, 2)',
    'ended': "(state IN ('void', 'retired')) = (ended_at IS NOT NULL)",
    'life': "CASE state WHEN 'printed' THEN lot_id IS NULL WHEN 'issued' THEN lot_id IS NULL WHEN 'bound'"
    " THEN lot_id IS NOT NULL AND shipped_at IS NULL WHEN 'shipped' THEN lot_id IS NOT NULL AND"
    " shipped_at IS NOT NULL WHEN 'activated' THEN num_nulls(lot_id, shipped_at, activated_at) = 0"
    ' ELSE true END',
    'net_grams': 'net_grams > 0',
    'note': "state NOT IN ('void', 'flagged') OR note IS NOT NULL",
    'proof': "num_nulls(proof, witness) IN (0, 2) AND (proof IS NULL OR state = 'void')",
    'serial': "serial ~ '^[0-9A-Z]{12}$'",
    'state': "state IN ('printed', 'issued', 'bound', 'shipped', 'activated', 'retired', 'void', 'flagged')",
    'version': 'version > 0',
}

SCAN = {
    'place': 'num_nulls(north_tenths, east_tenths) IN (0, 2) AND north_tenths BETWEEN -900 AND 900 AND'
    ' east_tenths BETWEEN -1800 AND 1800',
}

KEPT = (
    "label_area, label_season, label_plot, label_account, lot_label, label_harvest, label_change, label_batch,"
    " label_serial"
)
WRITTEN = "label_design, label_line, label_scan"


def upgrade() -> None:
    _cases("".join(f", '{each}'" for each in NEW_CASES))
    _label_area()
    _label_season()
    _label_plot()
    _label_design()
    _label_account()
    _label_batch()
    _label_change()
    _label_line()
    _lot_label()
    _label_harvest()
    _label_serial()
    _label_scan()
    op.execute(f"REVOKE DELETE ON {KEPT} FROM marketplace_app")
    op.execute(f"REVOKE UPDATE, DELETE ON {WRITTEN} FROM marketplace_app")


def downgrade() -> None:
    for table in ('label_scan', 'label_serial', 'label_harvest', 'lot_label', 'label_line', 'label_change', 'label_batch', 'label_account', 'label_design', 'label_plot', 'label_season', 'label_area'):
        op.drop_table(table)
    asked = """(SELECT id FROM "case" WHERE kind LIKE 'label_%')"""
    op.execute(f"DELETE FROM case_note WHERE case_id IN {asked}")  # noqa: S608 (our own words)
    op.execute("""DELETE FROM "case" WHERE kind LIKE 'label_%'""")
    _cases("")


def _cases(new: str) -> None:
    op.drop_constraint(op.f("ck_case_kind"), "case")
    op.create_check_constraint(op.f("ck_case_kind"), "case", CASES.format(new=new))


def _label_area() -> None:
    op.create_table(
        'label_area',
        *_ids('id'),
        *_ids('county_id'),
        _text(40, 'code'),
        _text(200, 'name_en'),
        _text(200, 'name_zh'),
        *_whole('version'),
        *_at('created_at'),
        sa.PrimaryKeyConstraint('id', name='pk_label_area'),
        sa.UniqueConstraint('county_id', 'code', name='uq_label_area_county_id_code'),
        _to('label_area', 'county_id', 'county'),
        *_checks('label_area', AREA),
    )


def _label_season() -> None:
    op.create_table(
        'label_season',
        *_ids('area_id'),
        sa.Column('season', sa.BigInteger(), autoincrement=False, nullable=False),
        *_whole('ceiling_grams_per_hectare'),
        *_whole('overfill_permille'),
        *_whole('shrink_permille'),
        *_whole('provisional_permille'),
        *_whole('tolerance_permille'),
        sa.Column('grades', JSONB(), nullable=False),
        *_whole('version'),
        *_at('created_at'),
        sa.PrimaryKeyConstraint('area_id', 'season', name='pk_label_season'),
        _to('label_season', 'area_id', 'label_area'),
        *_checks('label_season', SEASON),
    )


def _label_plot() -> None:
    op.create_table(
        'label_plot',
        *_ids('id'),
        *_ids('cooperative_id'),
        *_ids('area_id'),
        _text(60, 'code'),
        *_whole('square_metres'),
        sa.Column('valid_from', sa.Date(), nullable=False),
        sa.Column('valid_until', sa.Date(), nullable=False),
        _text(100, 'certificate'),
        *_whole('version'),
        *_at('created_at'),
        sa.PrimaryKeyConstraint('id', name='pk_label_plot'),
        sa.UniqueConstraint('cooperative_id', 'code', 'valid_from', name='uq_label_plot_cooperative_id_code_valid_from'),
        _to('label_plot', 'area_id', 'label_area'),
        _to('label_plot', 'cooperative_id', 'cooperative'),
        *_checks('label_plot', PLOT),
    )
    op.create_index('ix_label_plot_area_id', 'label_plot', ['area_id'])


def _label_design() -> None:
    op.create_table(
        'label_design',
        *_ids('id'),
        *_ids('area_id'),
        *_whole('season'),
        _text(40, 'name'),
        *_whole('number'),
        _text(40, 'media_type'),
        *_whole('size_bytes'),
        _text(64, 'sha256'),
        sa.Column('data', sa.LargeBinary(), nullable=False),
        _text(80, 'actor'),
        *_at('at'),
        sa.PrimaryKeyConstraint('id', name='pk_label_design'),
        sa.UniqueConstraint('area_id', 'season', 'name', 'number', name='uq_label_design_area_id_season_name_number'),
        _to('label_design', 'area_id', 'label_area'),
        *_checks('label_design', DESIGN),
    )


def _label_account() -> None:
    op.create_table(
        'label_account',
        *_ids('id'),
        *_ids('cooperative_id'),
        *_ids('area_id'),
        *_whole('season'),
        *_whole('balance_grams'),
        *_whole('owed_grams'),
        *_whole('eligible_grams'),
        *_whole('shrunk_grams'),
        *_whole('shrink_charged_grams'),
        *_whole('provisional_grams'),
        *_whole('provisional_granted_grams', nullable=True),
        *_whole('version'),
        *_at('created_at'),
        sa.PrimaryKeyConstraint('id', name='pk_label_account'),
        sa.UniqueConstraint('cooperative_id', 'area_id', 'season', name='uq_label_account_cooperative_id_area_id_season'),
        _to('label_account', 'cooperative_id', 'cooperative'),
        *_checks('label_account', ACCOUNT),
    )
    op.create_index('ix_label_account_area_id_season', 'label_account', ['area_id', 'season'])


def _label_batch() -> None:
    op.create_table(
        'label_batch',
        *_ids('id'),
        *_ids('account_id'),
        *_ids('cooperative_id'),
        *_ids('pack_id'),
        *_ids('design_id'),
        _text(14, 'gtin'),
        *_whole('net_grams'),
        *_whole('overfill_permille'),
        *_whole('labels_count'),
        *_whole('consumed_grams'),
        *_whole('given_back_count'),
        *_at('issued_at', nullable=True),
        _text(80, 'actor'),
        *_at('at'),
        *_whole('version'),
        sa.PrimaryKeyConstraint('id', name='pk_label_batch'),
        _to('label_batch', 'account_id', 'label_account'),
        _to('label_batch', 'cooperative_id', 'cooperative'),
        _to('label_batch', 'pack_id', 'pack'),
        _to('label_batch', 'design_id', 'label_design'),
        *_checks('label_batch', BATCH),
    )
    op.create_index('ix_label_batch_account_id', 'label_batch', ['account_id'])
    op.create_index('ix_label_batch_cooperative_id', 'label_batch', ['cooperative_id'])


def _label_change() -> None:
    op.create_table(
        'label_change',
        *_ids('id'),
        _text(20, 'kind'),
        *_ids('account_id'),
        *_ids('to_cooperative_id', nullable=True),
        *_ids('from_lot_id', nullable=True),
        *_ids('to_lot_id', nullable=True),
        *_whole('grams'),
        _text(200, 'reason'),
        _text(20, 'state'),
        *_ids('proposed_by'),
        *_at('proposed_at'),
        *_ids('answered_by', nullable=True),
        *_at('answered_at', nullable=True),
        *_whole('version'),
        sa.PrimaryKeyConstraint('id', name='pk_label_change'),
        _to('label_change', 'to_lot_id', 'lot'),
        _to('label_change', 'answered_by', 'account'),
        _to('label_change', 'proposed_by', 'account'),
        _to('label_change', 'account_id', 'label_account'),
        _to('label_change', 'from_lot_id', 'lot'),
        _to('label_change', 'to_cooperative_id', 'cooperative'),
        *_checks('label_change', CHANGE),
    )
    op.create_index('ix_label_change_account_id', 'label_change', ['account_id'])


def _label_line() -> None:
    op.create_table(
        'label_line',
        *_ids('id'),
        *_ids('account_id'),
        *_whole('number'),
        _text(20, 'kind'),
        *_whole('grams'),
        *_whole('balance_grams'),
        *_whole('owed_grams'),
        *_ids('lot_id', nullable=True),
        *_ids('batch_id', nullable=True),
        *_ids('change_id', nullable=True),
        _text(200, 'reason', nullable=True),
        _text(80, 'actor'),
        *_at('at'),
        sa.PrimaryKeyConstraint('id', name='pk_label_line'),
        sa.UniqueConstraint('account_id', 'number', name='uq_label_line_account_id_number'),
        _to('label_line', 'change_id', 'label_change'),
        _to('label_line', 'lot_id', 'lot'),
        _to('label_line', 'batch_id', 'label_batch'),
        _to('label_line', 'account_id', 'label_account'),
        *_checks('label_line', LINE),
    )
    op.create_index('ix_label_line_batch_id', 'label_line', ['batch_id'])
    op.create_index('ix_label_line_lot_id', 'label_line', ['lot_id'])


def _lot_label() -> None:
    op.create_table(
        'lot_label',
        *_ids('lot_id'),
        *_ids('account_id'),
        *_whole('certified_grams'),
        *_whole('earned_grams'),
        *_whole('labelled_grams'),
        *_whole('leaving_grams'),
        *_whole('leaving_certified_grams'),
        *_whole('leaving_earned_grams'),
        sa.Column('is_suspended', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('lot_id', 'account_id', name='pk_lot_label'),
        _to('lot_label', 'account_id', 'label_account'),
        _to('lot_label', 'lot_id', 'lot'),
        *_checks('lot_label', LOT),
    )
    op.create_index('ix_lot_label_account_id', 'lot_label', ['account_id'])


def _label_harvest() -> None:
    op.create_table(
        'label_harvest',
        *_ids('cooperative_id'),
        _text(60, 'plot'),
        sa.Column('season', sa.BigInteger(), autoincrement=False, nullable=False),
        *_ids('area_id'),
        *_whole('weighed_grams'),
        *_whole('certified_grams'),
        sa.PrimaryKeyConstraint('cooperative_id', 'plot', 'season', name='pk_label_harvest'),
        _to('label_harvest', 'cooperative_id', 'cooperative'),
        _to('label_harvest', 'area_id', 'label_area'),
        *_checks('label_harvest', HARVEST),
    )


def _label_serial() -> None:
    op.create_table(
        'label_serial',
        *_ids('id'),
        *_ids('batch_id'),
        *_ids('account_id'),
        _text(14, 'gtin'),
        _text(20, 'serial'),
        *_whole('net_grams'),
        _text(20, 'state'),
        *_ids('lot_id', nullable=True),
        *_ids('parcel_id', nullable=True),
        *_at('bound_at', nullable=True),
        *_at('shipped_at', nullable=True),
        *_at('activated_at', nullable=True),
        *_at('ended_at', nullable=True),
        _text(200, 'note', nullable=True),
        _text(200, 'proof', nullable=True),
        _text(80, 'witness', nullable=True),
        *_whole('version'),
        sa.PrimaryKeyConstraint('id', name='pk_label_serial'),
        sa.UniqueConstraint('serial', name='uq_label_serial_serial'),
        _to('label_serial', 'batch_id', 'label_batch'),
        _to('label_serial', 'lot_id', 'lot'),
        _to('label_serial', 'account_id', 'label_account'),
        *_checks('label_serial', SERIAL),
    )
    op.create_index('ix_label_serial_batch_id', 'label_serial', ['batch_id'])
    op.create_index('ix_label_serial_lot_id', 'label_serial', ['lot_id'], postgresql_where=sa.text('lot_id IS NOT NULL'))
    op.create_index('ix_label_serial_parcel_id', 'label_serial', ['parcel_id'], postgresql_where=sa.text('parcel_id IS NOT NULL'))


def _label_scan() -> None:
    op.create_table(
        'label_scan',
        *_ids('id'),
        *_ids('label_id', nullable=True),
        _text(14, 'gtin'),
        _text(20, 'serial'),
        _text(40, 'channel'),
        _text(40, 'city', nullable=True),
        *_whole('north_tenths', nullable=True),
        *_whole('east_tenths', nullable=True),
        sa.Column('findings', JSONB(), nullable=False),
        *_at('at'),
        sa.PrimaryKeyConstraint('id', name='pk_label_scan'),
        _to('label_scan', 'label_id', 'label_serial'),
        *_checks('label_scan', SCAN),
    )
    op.create_index('ix_label_scan_label_id_id', 'label_scan', ['label_id', 'id'])


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def _ids(*names: str, nullable: bool = False) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=nullable) for name in names]


def _text(length: int, name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
