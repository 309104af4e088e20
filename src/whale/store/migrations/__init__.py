"""Alembic's environment. Forward only: an older whale refuses a newer database instead of changing it back."""
