"""Work too long for one request: kept in the database, done when there is room."""
