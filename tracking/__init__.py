"""What happened: long jobs, and later the ledger of reports."""
