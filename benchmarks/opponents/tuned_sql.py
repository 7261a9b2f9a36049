"""The statements of the tuned service: one for each endpoint, each answered with JSON that is passed on."""

LIST_TASKS = """
select coalesce(json_agg(task), '[]')
from (
  select id, title, description, is_completed, created_at, user_id
  from tasks
  where user_id = %(user_id)s
  order by created_at desc, id desc
) as task
"""

FIND_TASK = """
select row_to_json(task)
from (
  select id, title, description, is_completed, created_at, user_id
  from tasks
  where id = %(task_id)s and user_id = %(user_id)s
) as task
"""

CREATE_TASK = """
with task as (
  insert into tasks (id, title, description, is_completed, created_at, user_id)
  values (%(task_id)s, %(title)s, %(description)s, %(is_completed)s, clock_timestamp(), %(user_id)s)
  returning id, title, description, is_completed, created_at, user_id
)
select row_to_json(task) from task
"""

REPLACE_TASK = """
with task as (
  update tasks
  set title = %(title)s, description = %(description)s, is_completed = %(is_completed)s
  where id = %(task_id)s and user_id = %(user_id)s
  returning id, title, description, is_completed, created_at, user_id
)
select row_to_json(task) from task
"""

DELETE_TASK = "delete from tasks where id = %(task_id)s and user_id = %(user_id)s returning id"

COMPLETE_TASK = """
with task as (
  update tasks
  set is_completed = coalesce(%(is_completed)s::boolean, not is_completed)
  where id = %(task_id)s and user_id = %(user_id)s
  returning id, title, description, is_completed, created_at, user_id
)
select row_to_json(task) from task
"""
