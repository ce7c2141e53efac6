"""The verbs of the `chigai` command beyond planning: ledger, database, people, packages, sites, explanations."""
