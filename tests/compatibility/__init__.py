"""What a release must understand of the previous one, and leave to it, while both run.

The calls of SQL that services make are frozen here as text: they do their work on the schema of the next release too,
also while it is being migrated. A change that breaks a test here needs a new function. The messages are frozen in
libs/common/tests/contracts/test_messages.py. The first release that there is to be compatible with is the next one.
"""
