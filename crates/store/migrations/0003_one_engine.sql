-- The one engine of a database keeps its open runs in memory, and holds what it performs under its own lease.

-- Nobody asks the database for what is due any more.
DROP INDEX runs_due;
