"""The screen: one file per page and the shared map."""
