"""What must outlive the process: tables, migrations, queries.

No other room writes SQL, and nothing here decides anything: rows in, rows out.
"""
