"""Release 1's statements as they stood: they run on the migrated schema of today until the last of its processes ends.

Copied, never edited. `tests/compatibility/release_1.py` has its messages.
"""

CREATE_TASK = """
set local app.user_id = %(user_id)s;
with task as (
  insert into tasks (id, title, description, is_completed, created_at, user_id)
  values (%(task_id)s, %(title)s, %(description)s, %(is_completed)s, clock_timestamp(), %(user_id)s)
  returning id, title, description, is_completed, created_at, user_id
)
insert into command_log (command_id, user_id, fingerprint, status, task)
select %(command_id)s, %(user_id)s, %(fingerprint)s, 'done', row_to_json(task)::text
from task
returning status, task;
"""

REPLACE_TASK = """
set local app.user_id = %(user_id)s;
with task as (
  update tasks
  set title = %(title)s, description = %(description)s, is_completed = %(is_completed)s
  where id = %(task_id)s and user_id = %(user_id)s
  returning id, title, description, is_completed, created_at, user_id
)
insert into command_log (command_id, user_id, fingerprint, status, task)
select %(command_id)s, %(user_id)s, %(fingerprint)s,
  case when task.id is null then 'not_found' else 'done' end, row_to_json(task)::text
from (values (1)) as always left join task on true
returning status, task;
"""

TOGGLE_TASK = """
set local app.user_id = %(user_id)s;
with task as (
  update tasks
  set is_completed = coalesce(%(is_completed)s, not is_completed)
  where id = %(task_id)s and user_id = %(user_id)s
  returning id, title, description, is_completed, created_at, user_id
)
insert into command_log (command_id, user_id, fingerprint, status, task)
select %(command_id)s, %(user_id)s, %(fingerprint)s,
  case when task.id is null then 'not_found' else 'done' end, row_to_json(task)::text
from (values (1)) as always left join task on true
returning status, task;
"""

DELETE_TASK = """
set local app.user_id = %(user_id)s;
with task as (
  delete from tasks
  where id = %(task_id)s and user_id = %(user_id)s
  returning id
)
insert into command_log (command_id, user_id, fingerprint, status)
select %(command_id)s, %(user_id)s, %(fingerprint)s,
  case when task.id is null then 'not_found' else 'done' end
from (values (1)) as always left join task on true
returning status, task;
"""

FIND_RECORDED = """
set local app.user_id = %(user_id)s;
select status, task, command_id from command_log where command_id = %(command_id)s and user_id = %(user_id)s;
"""

FORGET_COMMANDS = """
set local app.housekeeping = 'on';
delete from command_log
where command_id in (
  select command_id from command_log
  where recorded_at < now() - make_interval(secs => %(retention_s)s)
  order by recorded_at
  limit %(limit)s
);
"""

LIST_TASKS = """
set local app.user_id = %(user_id)s;
select coalesce(json_agg(task), '[]')
from (
  select id, title, description, is_completed, created_at, user_id
  from tasks
  where user_id = %(user_id)s
  order by created_at desc, id desc
) as task;
"""

FIND_TASK = """
set local app.user_id = %(user_id)s;
select row_to_json(task)
from (
  select id, title, description, is_completed, created_at, user_id
  from tasks
  where id = %(task_id)s and user_id = %(user_id)s
) as task;
"""


BY_TYPE = {
    "create_task": CREATE_TASK,
    "replace_task": REPLACE_TASK,
    "toggle_task": TOGGLE_TASK,
    "delete_task": DELETE_TASK,
}
