"""Partitions by function, and the programs' role with no more rights than it needs."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

# The owner makes partitions; the programs may only ask for those of a branch that exists. They
# have no rights in the schema `partition`: row rules and grants hold on the parents alone.
PARTITIONS = """
CREATE SCHEMA partition;

CREATE FUNCTION make_partitions(wanted uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent name;
    child text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('sentra partitions', 0));
    PERFORM 1 FROM public.branch WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no branch %', wanted USING ERRCODE = 'no_data_found';
    END IF;
    FOR parent IN
        SELECT relname FROM pg_class
        WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace ORDER BY relname
    LOOP
        child := parent || '_' || replace(wanted::text, '-', '');
        IF to_regclass(format('partition.%I', child)) IS NULL THEN
            EXECUTE format('CREATE TABLE partition.%I PARTITION OF public.%I FOR VALUES IN (%L)',
                           child, parent, wanted);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;

REVOKE ALL ON FUNCTION make_partitions(uuid) FROM PUBLIC;
"""

# A role belongs to the whole server, so another database may have made it already.
ROLE = """
DO $$ BEGIN
    CREATE ROLE sentra_app LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
"""

READ = """
GRANT SELECT ON ALL TABLES IN SCHEMA public TO sentra_app;
GRANT EXECUTE ON FUNCTION make_partitions(uuid) TO sentra_app;
"""

# Facts, sealed revisions and the audit trail are added to; nobody changes or removes one.
ADD_ONLY = """
GRANT INSERT ON journal_entry, segment, fork_segment, feed_revision, audit_entry,
    sale, sale_line, sale_tax, tender, void, shift, shift_close, cash_movement, stock_movement
    TO sentra_app;
"""

CHANGE = """
GRANT INSERT, UPDATE ON branch, app_user, device, enrolment_code, category, tax, product,
    import_run, feed_head, journal_head, exception,
    hourly_sales, hourly_tender, daily_product, stock_level
    TO sentra_app;
GRANT UPDATE (name) ON company TO sentra_app;
GRANT INSERT, UPDATE, DELETE ON product_barcode, product_price, feed_item TO sentra_app;
GRANT DELETE ON enrolment_code, category TO sentra_app;
"""


def upgrade() -> None:
    for statements in (PARTITIONS, ROLE, READ, ADD_ONLY, CHANGE):
        op.execute(statements)
