"""What a release must understand of the former one, and leave to it, while both run.

Messages and SQL that release 1 wrote are frozen here as text. Today's code reads the messages, and the SQL does its
work on today's schema, also while it is being migrated. A change that breaks a test here needs a new type or a new
function.
"""
