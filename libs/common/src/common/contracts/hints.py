"""The hints by which task-writers tell gateways that tasks have changed (ADR 24)."""

from uuid import UUID

from common.contracts.message import Message


class ChangeHint(Message):
    """Users whose tasks a batch of commands may have changed, each with the revision that it reached.

    Sent after the commit, without any assurance: it may be lost, repeated, late, or name a revision that was reached
    long ago. It says when to look, never what is there.
    """

    revisions: dict[UUID, int]
