"""Make the functions that read a task, a list or a page with its revision (ADR 19).

`find_task` and `list_tasks` stay for task-readers of the release before.
"""

from alembic import context, op

revision = "0008_reads_with_revisions"
down_revision = "0007_patch_task"
branch_labels = None
depends_on = None

READ_TASK = r"""
create or replace function read_task(p_user_id uuid, p_task_id uuid, p_known_revision bigint) returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  asking text;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  return (
    select found.revision || case
      when found.revision is distinct from p_known_revision then ' ' || row_to_json(task)::text
      else ''
    end
    from tasks as found
    cross join lateral (
      select found.id, found.title, found.description, found.is_completed,
        to_char(found.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, found.user_id
    ) as task
    where found.id = p_task_id and found.user_id = p_user_id
  );
end $$;

revoke execute on function read_task from public;
grant execute on function read_task to taskwire_reader;
"""

READ_TASKS = r"""
create or replace function read_tasks(p_user_id uuid, p_known_revision bigint) returns text
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  asking text;
  owner text := p_user_id;
  reached bigint;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  reached := (select revision from user_revisions where user_id = p_user_id);
  if reached is null then
    reached := coalesce((select revision from tasks where user_id = p_user_id order by created_at desc limit 1), 0);
  end if;
  if reached = p_known_revision then
    return reached;
  end if;
  return concat(reached, ' ', (
    select coalesce(json_agg(
      case when task.created_at = task.created_at::timestamptz(5) then ending_in_zero else as_it_is end
    ), '[]')
    from (
      select id, title, description, is_completed, created_at
      from tasks
      where user_id = p_user_id
      order by created_at desc, id desc
    ) as task
    cross join lateral (
      select task.id, task.title, task.description, task.is_completed, task.created_at, owner as user_id
    ) as as_it_is
    cross join lateral (
      select task.id, task.title, task.description, task.is_completed,
        to_char(task.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, owner as user_id
    ) as ending_in_zero
  ));
end $$;

revoke execute on function read_tasks from public;
grant execute on function read_tasks to taskwire_reader;
"""

LIST_PAGE = r"""
create or replace function list_page(
  p_user_id uuid, p_order text, p_limit integer, p_is_completed boolean, p_created_after timestamptz,
  p_created_before timestamptz, p_q text, p_after_key text, p_after_id uuid, p_known_revision bigint
) returns text
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  max_examined constant integer := 10000;
  least_id constant uuid := '00000000-0000-0000-0000-000000000000';
  greatest_id constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  ascending constant boolean := p_order in ('created_at', 'title');
  by_title constant boolean := p_order in ('title', '-title');
  owner constant text := p_user_id;
  -- Upper case first makes equal what has two lower cases, such as both forms of the Greek sigma.
  wanted constant text := lower(upper(p_q collate any_case));
  later_than timestamptz := coalesce(p_created_after, '-infinity');
  earlier_than timestamptz := coalesce(p_created_before, 'infinity');
  start_time timestamptz := case when ascending then '-infinity' else 'infinity' end;
  start_title text := coalesce(p_after_key, case when ascending then '' else repeat(chr(1114111), 256) end);
  start_id uuid := coalesce(p_after_id, case when ascending then least_id else greatest_id end);
  asking text;
  reached bigint;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  reached := (select revision from user_revisions where user_id = p_user_id);
  if reached is null then
    reached := coalesce((select revision from tasks where user_id = p_user_id order by created_at desc limit 1), 0);
  end if;
  if reached = p_known_revision then
    return reached;
  end if;
  if not by_title then
    start_time := coalesce(p_after_key::timestamptz, start_time);
    if ascending and later_than >= start_time then
      start_time := later_than;
      start_id := greatest_id;
    elsif not ascending and earlier_than <= start_time then
      start_time := earlier_than;
      start_id := least_id;
    end if;
  end if;
  return concat(reached, ' ', (
    select
      coalesce(min(json_build_object(
        'key', case when by_title then placed.title else ending_in_zero.created_at end, 'id', placed.id
      )::text) filter (where (place = p_limit and has_more) or (number = max_examined and place <= p_limit)), '')
      || chr(10)
      || coalesce(json_agg(
        case when placed.created_at = placed.created_at::timestamptz(5) then ending_in_zero else as_it_is end
      ) filter (where matches and place <= p_limit), '[]')
    from (
      select id, title, description, is_completed, created_at, matches, number,
        row_number() over (order by number) as place, lead(number) over (order by number) is not null as has_more
      from (
        select id, title, description, is_completed, created_at, matches, number
        from (
          (
            select id, title, description, is_completed, created_at,
              row_number() over (order by created_at desc, id desc) as number
            from tasks
            where user_id = p_user_id and p_order = '-created_at'
              and (created_at, id) < (start_time, start_id) and created_at > later_than
            order by created_at desc, id desc
            limit max_examined
          )
          union all
          (
            select id, title, description, is_completed, created_at,
              row_number() over (order by created_at, id) as number
            from tasks
            where user_id = p_user_id and p_order = 'created_at'
              and (created_at, id) > (start_time, start_id) and created_at < earlier_than
            order by created_at, id
            limit max_examined
          )
          union all
          (
            select id, title, description, is_completed, created_at,
              row_number() over (order by title collate "C" desc, id desc) as number
            from tasks
            where user_id = p_user_id and p_order = '-title' and (title collate "C", id) < (start_title, start_id)
            order by title collate "C" desc, id desc
            limit max_examined
          )
          union all
          (
            select id, title, description, is_completed, created_at,
              row_number() over (order by title collate "C", id) as number
            from tasks
            where user_id = p_user_id and p_order = 'title' and (title collate "C", id) > (start_title, start_id)
            order by title collate "C", id
            limit max_examined
          )
        ) as examined
        cross join lateral (
          select (p_is_completed is null or is_completed = p_is_completed)
            and (not by_title or (created_at > later_than and created_at < earlier_than))
            and (
              wanted is null
              or strpos(lower(upper(title collate any_case)), wanted) > 0
              or coalesce(strpos(lower(upper(description collate any_case)), wanted) > 0, false)
            ) as matches
        ) as judged
        where matches or number = max_examined
        limit p_limit + 1
      ) as taken
    ) as placed
    cross join lateral (
      select placed.id, placed.title, placed.description, placed.is_completed, placed.created_at, owner as user_id
    ) as as_it_is
    cross join lateral (
      select placed.id, placed.title, placed.description, placed.is_completed,
        to_char(placed.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, owner as user_id
    ) as ending_in_zero
  ));
end $$;

revoke execute on function list_page from public;
grant execute on function list_page to taskwire_reader;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("grant select on user_revisions to taskwire_reader")
    op.execute("drop function list_page")
    for text in (READ_TASK, READ_TASKS, LIST_PAGE):
        op.execute(text)


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    for name in ("read_task", "read_tasks", "list_page"):
        op.execute(f"drop function {name}")
    op.execute(context.script.get_revision("0004_pages").module.LIST_PAGE)
    op.execute("revoke select on user_revisions from taskwire_reader")
