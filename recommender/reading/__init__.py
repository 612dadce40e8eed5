"""Files, tables and iterables of any form -> one table of articles and a report."""
