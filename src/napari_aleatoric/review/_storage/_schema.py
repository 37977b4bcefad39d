"""The tables of the review store, in types that SQLite and PostgreSQL both have.

Nothing is keyed by row number: an item is (case_id, label_reader), a decision and a correction are 32 hexadecimal
digits. ``seq`` columns only give the order in which entries were appended. Times are whole microseconds since 1970,
UTC: exact, sortable, the same in every database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "SCHEMA_VERSION",
    "adjudication_choices",
    "adjudications",
    "claims",
    "conflicts",
    "correction_prompts",
    "corrections",
    "decisions",
    "findings",
    "items",
    "meta",
    "metadata",
    "region_decisions",
    "score_layouts",
    "study",
]

SCHEMA_VERSION = 1
"""Version that this program writes; kept in the table ``meta``.

It stays the same when a table is added that older programs need not know; opening a store adds what is missing.
"""

metadata = MetaData()
_BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only in INTEGER columns
_ID = String(32)
_NAME = String(255).with_variant(Text(), "postgresql")  # SQLite takes longer ones, so the server must, too


def _item_columns(*, primary: bool) -> tuple[Column[str], Column[str]]:
    return (
        Column("case_id", _NAME, primary_key=primary, nullable=False),
        Column("label_reader", _NAME, primary_key=primary, nullable=False),
    )


def _of_item() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["case_id", "label_reader"], ["items.case_id", "items.label_reader"])


meta = Table("meta", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False))

# The columns of a packed row of values. A cohort has one or a few layouts, so that the values of all its items are
# one array after one fetch. NaN survives, which a float column of SQLite does not grant.
score_layouts = Table(
    "score_layouts",
    metadata,
    Column("layout_id", Integer, primary_key=True),
    Column("digest", String(32), nullable=False, unique=True),  # of ``columns``
    Column("columns", Text, nullable=False),  # JSON: [[measure, class_index], ...]
)

# One row holds an item and its values, so that the whole queue is one pass over one table.
items = Table(
    "items",
    metadata,
    *_item_columns(primary=True),
    Column("position", Integer, nullable=False),  # order of the data set
    Column("fingerprint", String(128), nullable=False),  # of the files, as last seen
    Column("gone", Boolean, nullable=False, default=False),  # no longer in the data set; its log stays
    # the scores; all NULL before the first
    Column("layout_id", Integer, ForeignKey("score_layouts.layout_id"), nullable=True),
    Column("packed", LargeBinary, nullable=True),  # little-endian float64, in the order of the layout
    Column("scored_fingerprint", String(128), nullable=True),  # of the files that were scored
    Column("spec_digest", String(64), nullable=True),
    Column("scored_correction_id", _ID, nullable=True),  # the label version that was scored; NULL = the original
    Column("scored_us", BigInteger, nullable=True),
    Column("n_flags", Integer, nullable=True),
    Column("worst_flag", Float, nullable=True),  # largest severity, 0 without flags
)

# apart from ``items``, so that reading all values does not page through all sentences
findings = Table(
    "findings",
    metadata,
    *_item_columns(primary=True),
    Column("flags", Text, nullable=False),  # JSON
    Column("hot_spots", Text, nullable=False),  # JSON
    _of_item(),
)

decisions = Table(
    "decisions",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("decision_id", _ID, nullable=False, unique=True),
    *_item_columns(primary=False),
    Column("verdict", String(16), nullable=True),
    Column("quality", Integer, nullable=True),
    Column("comment", Text, nullable=False),
    Column("reader", _NAME, nullable=False),
    Column("seen", Text, nullable=False),  # JSON
    Column("correction_id", _ID, nullable=True),
    Column("undoes", _ID, nullable=True),
    Column("created_us", BigInteger, nullable=False),
    _of_item(),
    Index("decisions_of_item", "case_id", "label_reader", "seq"),
    sqlite_autoincrement=True,
)

corrections = Table(
    "corrections",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("correction_id", _ID, nullable=False, unique=True),
    *_item_columns(primary=False),
    Column("reader", _NAME, nullable=False),
    Column("machine", _NAME, nullable=False),  # name of the model that drew it; "" = a person
    Column("comment", Text, nullable=False),
    Column("file", Text, nullable=False),  # below corrections/, with "/"; "" = the original label
    Column("sha256", String(64), nullable=False),  # of the file
    Column("label_hash", String(64), nullable=False),  # of the voxels
    Column("geometry", Text, nullable=False),  # JSON; exact where the file format rounds
    Column("follows", _ID, nullable=True),  # the version it was drawn upon
    Column("restores", _ID, nullable=True),  # the older version that this one brings back
    Column("created_us", BigInteger, nullable=False),
    _of_item(),
    Index("corrections_of_item", "case_id", "label_reader", "seq"),
    sqlite_autoincrement=True,
)

# Added to stores of format 1: what a promptable segmenter had drawn in a saved version. No row = nothing.
correction_prompts = Table(
    "correction_prompts",
    metadata,
    Column("correction_id", _ID, ForeignKey("corrections.correction_id"), primary_key=True),
    Column("segmenter", _NAME, primary_key=True),
    Column("n_boxes", Integer, nullable=False),
    Column("n_clicks", Integer, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    *_item_columns(primary=True),
    Column("reader", _NAME, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    _of_item(),
)

# Added to stores of format 1: who reads what. An assignment is a chain of entries; ``place`` counts them from 0, so
# that of two programs that go on with one chain at the same moment only one succeeds.
study = Table(
    "study",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("entry_id", _ID, nullable=False, unique=True),
    Column("assignment_id", _ID, nullable=False),
    Column("place", Integer, nullable=False),
    Column("event", String(16), nullable=False),
    Column("case_id", _NAME, nullable=False),
    Column("reader", _NAME, nullable=False),  # who is to read
    Column("by", _NAME, nullable=False),  # who said so
    Column("about", Text, nullable=False),  # JSON
    Column("undoes", _ID, nullable=True),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("assignment_id", "place", name="one_step_at_a_time"),
    sqlite_autoincrement=True,
)

# Added to stores of format 1: what was chosen where readers differ, and what came of it. Appended, never changed.
adjudication_choices = Table(
    "adjudication_choices",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("decision_id", _ID, nullable=False, unique=True),
    Column("case_id", _NAME, nullable=False),
    Column("name", _NAME, nullable=False),  # the reader whose label comes of it
    Column("kind", String(16), nullable=False),  # begin, region, correction, undo
    Column("region_id", String(32), nullable=False),  # "" where no region is meant
    Column("source", String(32), nullable=False),  # reader, consensus, machine, repainted; of a beginning its label
    Column("source_name", _NAME, nullable=False),  # which reader, which model
    Column("painted", LargeBinary, nullable=True),  # what was painted; see the pure part
    Column("reader", _NAME, nullable=False),  # who chose
    Column("undoes", _ID, nullable=True),
    Column("created_us", BigInteger, nullable=False),
    Index("adjudication_choices_of_case", "case_id", "name", "seq"),
    sqlite_autoincrement=True,
)

adjudications = Table(
    "adjudications",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("adjudication_id", _ID, nullable=False, unique=True),
    Column("case_id", _NAME, nullable=False),
    Column("name", _NAME, nullable=False),
    Column("reader", _NAME, nullable=False),  # who finished it
    Column("label_hash", String(64), nullable=False),  # of the voxels that were saved
    Column("record", Text, nullable=False),  # JSON: region by region
    Column("created_us", BigInteger, nullable=False),
    Index("adjudications_of_case", "case_id", "name", "seq"),
    sqlite_autoincrement=True,
)

# Added to stores of format 1: what was said of hot regions of maps. Appended, never changed. It is said of voxels,
# so that it holds for regions above another threshold, and in a newer map.
region_decisions = Table(
    "region_decisions",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("decision_id", _ID, nullable=False, unique=True),
    *_item_columns(primary=False),
    Column("reader", _NAME, nullable=False),  # who said so
    Column("kind", String(16), nullable=False),  # accepted, repainted, excluded, undo
    Column("map_name", _NAME, nullable=False),
    Column("class_index", Integer, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("digest", String(32), nullable=False),  # of place and voxels
    Column("about", Text, nullable=False),  # JSON: box, centre, size, heat, label version
    Column("voxels", LargeBinary, nullable=True),  # compressed bits of the box
    Column("barred", LargeBinary, nullable=True),  # those of them that came to be not learned from by it
    Column("undoes", _ID, nullable=True),
    Column("created_us", BigInteger, nullable=False),
    Index("region_decisions_of_item", "case_id", "label_reader", "seq"),
    sqlite_autoincrement=True,
)

# Added to stores of format 1: an entry that reached the team's server after somebody else had said something about
# the same item, which its author could not know of. Both entries stay in the log.
conflicts = Table(
    "conflicts",
    metadata,
    Column("entry_id", _ID, primary_key=True),  # the decision or the label version that came late
    *_item_columns(primary=False),
    Column("reader", _NAME, nullable=False),
    Column("is_label", Boolean, nullable=False),  # a label version, not a decision
    Column("other_id", _ID, nullable=False),  # the entry that was there already
    Column("other_reader", _NAME, nullable=False),
    Column("other_is_label", Boolean, nullable=False),
    Column("last_seq", BigInteger, nullable=False),  # of the decisions when it was found; a later one settles it
    Column("created_us", BigInteger, nullable=False),  # when it was found
    _of_item(),
)
