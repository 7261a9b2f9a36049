"""The reads that are sent are those of the contract."""

from datetime import UTC, datetime
from uuid import UUID

from common.contracts import reads as contract
from gateway.reading import Read, encode_reads

USER, TASK = "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11", "b0f2e817-358d-4049-a335-6464f1071bec"
PAGE = contract.Page(
    order="title",
    limit=7,
    is_completed=False,
    created_after=datetime(2026, 11, 1, tzinfo=UTC),
    q='"milk\n',
    after=contract.Position(key="Buy", id=UUID(int=7)),
)


def test_a_read_is_written_as_a_reader_expects_it() -> None:
    found = Read(user_id=USER, task_id=TASK, request_id='say "hi"\\', min_revision=7)

    assert encode_reads([found]) == (
        b'{"reads":[{"user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","task_id":"b0f2e817-358d-4049-a335-6464f1071bec",'
        b'"request_id":"say \\"hi\\"\\\\","min_revision":7}],"revisions":true}'
    )


def test_what_is_sent_is_what_the_contract_has() -> None:
    sent = [
        Read(user_id=USER, task_id=None, request_id="one", traceparent="00-1-2-01", known_revision=2**63 - 1),
        Read(user_id=USER, task_id=None, page=PAGE),
        Read(user_id=USER, task_id=None, since=0, min_revision=0, known_revision=0),
    ]

    received = contract.ReadBatch.model_validate_json(encode_reads(sent))

    user = UUID(USER)
    assert received.revisions
    assert received.reads == [
        contract.Read(user_id=user, request_id="one", traceparent="00-1-2-01", known_revision=2**63 - 1),
        contract.Read(user_id=user, page=PAGE),
        contract.Read(user_id=user, since=0, min_revision=0, known_revision=0),
    ]


def test_a_page_is_written_as_in_the_contract() -> None:
    with_models = contract.ReadBatch(reads=[contract.Read(user_id=UUID(USER), page=PAGE)], revisions=True)

    assert encode_reads([Read(user_id=USER, task_id=None, page=PAGE)]) == with_models.model_dump_json().encode()
