"""PostgreSQL: a pool of connections and how work runs on it."""
