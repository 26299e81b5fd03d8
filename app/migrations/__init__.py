"""The database's tables, version by version; `app.database` brings them up to date."""
