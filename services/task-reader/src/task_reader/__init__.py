"""Reads tasks from PostgreSQL."""
