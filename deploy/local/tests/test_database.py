from local_stack.database import role_url


def test_a_role_url_keeps_all_but_the_user() -> None:
    url = role_url("postgresql://owner:old@db.example:5433/tasks?sslmode=require", "reader", "p@ss/word")

    assert url == "postgresql://reader:p%40ss%2Fword@db.example:5433/tasks?sslmode=require"


def test_a_role_url_can_be_made_from_one_without_a_user() -> None:
    assert role_url("postgresql://127.0.0.1:5433/tasks", "owner", "pw") == "postgresql://owner:pw@127.0.0.1:5433/tasks"
