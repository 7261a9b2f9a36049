"""Give the command log slots, which are emptied as a whole instead of record by record (ADR 30).

Each is a child of command_log: whoever reads command_log reads all of them, functions of before included. Nothing is
copied, and nothing is locked for long. Records that are there stay where they are, and are deleted as before. A command
is recorded in a slot if its id is of half an hour after this migration or later, so that the repeat of one that was
recorded before meets its record; where nothing is recorded yet, at once.

The downgrade copies the records of the slots. No command is carried out meanwhile.
"""

from alembic import context, op

revision = "0013_slots"
down_revision = "0012_min_revision"
branch_labels = None
depends_on = None

SLOTS = tuple(f"command_log_{slot}" for slot in range(4))
COLUMNS = "command_id, user_id, fingerprint, status, task, recorded_at, revision, previous, task_id"
OF_USER = "user_id = nullif(current_setting('app.user_id', true), '')::uuid"
OLD_RECORD = "current_setting('app.housekeeping', true) = 'on' and recorded_at < now() - interval '1 hour'"

RUN_COMMANDS = r"""
create or replace function run_commands(p_commands json, p_batch bigint, p_keys bigint[], p_look_up boolean)
returns table (status text, task text, recorded boolean, revision bigint)
language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  asking text;
  command record;
  known record;
  changed record;
  is_change boolean;
  against bigint;
  locked uuid;  -- the user whose row is locked; the revision that is stored there, the one reached, and the next one
  stored bigint;
  reached bigint;
  upcoming bigint;
  answer text;  -- what the command is answered with
  shown text;
  shown_revision bigint;
  replayed boolean;
  list_looked_up uuid;  -- the first command of a list under one key, and the fingerprint in its record
  list_recorded bytea;
  this_tick bigint := date_part('epoch', now()) * 1000 / 65536;
  first_tick double precision := (
    select date_part('epoch', slots_from) * 1000 / 65536 from command_log_state where one_row
  );
  answers text[] := array_fill(null::text, array[json_array_length(p_commands)]);  -- in the order of the array
  tasks_left text[] := answers;
  replays boolean[] := answers::boolean[];
  revisions bigint[] := answers::bigint[];
begin
  if p_keys is not null or not pg_try_advisory_xact_lock(p_batch) then
    begin
      perform pg_advisory_xact_lock(p_batch);
    exception when lock_not_available then
      return query select 'unknown', null, false, null::bigint from json_array_elements(p_commands);
      return;
    end;
    perform pg_advisory_xact_lock(key) from unnest(p_keys) as key;
  end if;

  for command in
    select type, command_id, user_id, fingerprint, keyed,
      p_look_up or keyed or has_time and (abs(tick - this_tick) > 8 or deadline_unix_ms / 65536 - tick > 8) as look_up,
      has_time, case when has_time and abs(tick - this_tick) <= 16 then tick / 512 % 4 end as slot,
      to_timestamp(deadline_unix_ms / 1000) as deadline, task_id, title, description, is_completed,
      changes, precondition, list_first, place, lead(user_id) over in_turn is distinct from user_id as is_last_of_user
    from rows from (json_to_recordset(p_commands) as (
      type text, command_id uuid, user_id uuid, fingerprint bytea, keyed boolean, deadline_unix_ms double precision,
      task_id uuid, title text, description text, is_completed boolean, changes jsonb, precondition jsonb,
      list_first uuid
    )) with ordinality as given (
      type, command_id, user_id, fingerprint, keyed, deadline_unix_ms,
      task_id, title, description, is_completed, changes, precondition, list_first, place
    )
    cross join lateral (
      select tick, substr(command_id::text, 15, 1) = '7' and tick >= first_tick as has_time
      from (select ('x' || left(command_id::text, 8))::bit(32)::bigint as tick offset 0) as counted
    ) as dated
    window in_turn as (order by user_id, place)
    order by user_id, place
  loop
    asking := set_config('app.user_id', command.user_id::text, true);
    if locked is distinct from command.user_id then
      loop
        update user_revisions  -- user_revisions_pkey
        set previous = revision,
          revision = greatest(revision + 1, (date_part('epoch', clock_timestamp()) * 1e6)::bigint)
        where user_id = command.user_id
        returning revision, previous into stored, reached;
        exit when found;
        -- Any task will do; the order keeps PostgreSQL from looking through the tasks of all users for one.
        reached := coalesce(
          (select revision from tasks where user_id = command.user_id order by created_at desc limit 1), 0
        );
        insert into user_revisions (user_id, revision, previous)
        values (
          command.user_id, greatest(reached + 1, (date_part('epoch', clock_timestamp()) * 1e6)::bigint), reached
        )
        on conflict (user_id) do nothing
        returning revision into stored;
        exit when found;
      end loop;
      locked := command.user_id;
    end if;

    answer := null;
    shown := null;
    shown_revision := null;
    replayed := false;
    if command.look_up or command.deadline <= clock_timestamp() then
      if command.has_time then
        select log.status, log.task, log.revision, log.fingerprint into known  -- the primary keys of log and slots
        from command_log as log
        where log.command_id = command.command_id and log.user_id = command.user_id;
      else
        select log.status, log.task, log.revision, log.fingerprint into known  -- command_log_pkey
        from only command_log as log
        where log.command_id = command.command_id and log.user_id = command.user_id;
      end if;
      replayed := found;
      if replayed and command.keyed and known.fingerprint <> command.fingerprint then
        answer := 'key_reused';
      elsif replayed then
        answer := known.status;
        shown := known.task;
        shown_revision := known.revision;
      elsif command.deadline <= clock_timestamp() then
        answer := 'expired';
      elsif command.list_first <> command.command_id then
        if command.list_first is distinct from list_looked_up then
          list_looked_up := command.list_first;
          list_recorded := (
            select log.fingerprint  -- command_log_pkey
            from command_log as log
            where log.command_id = command.list_first and log.user_id = command.user_id
          );
        end if;
        answer := case
          when list_recorded is null then 'refused'
          when list_recorded <> command.fingerprint then 'key_reused'
        end;
      end if;
    end if;

    if answer is null then
      upcoming := case
        when stored > reached then stored
        else greatest(reached + 1, (date_part('epoch', clock_timestamp()) * 1e6)::bigint)
      end;
      is_change := false;
      if command.precondition is not null then
        against := case
          when command.type = 'create_task' then reached
          else (select revision from tasks where id = command.task_id and user_id = command.user_id)
        end;
        if not command.precondition -> 'if_match' @> to_jsonb(against)
          or command.precondition -> 'if_none_match' @> to_jsonb(against) then
          answer := 'precondition_failed';
          shown_revision := against;
        end if;
      end if;
      if answer is null then
        case command.type
          when 'create_task' then
            insert into tasks (id, title, description, is_completed, created_at, user_id, revision)
            values (
              command.task_id, command.title, command.description, command.is_completed, clock_timestamp(),
              command.user_id, upcoming
            )
            returning id, title, description, is_completed,
              to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
          when 'replace_task' then  -- tasks_pkey, as the others
            update tasks
            set title = command.title, description = command.description, is_completed = command.is_completed,
              revision = upcoming
            where id = command.task_id and user_id = command.user_id
              and (title, description, is_completed)
                is distinct from (command.title, command.description, command.is_completed)
            returning id, title, description, is_completed,
              to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
          when 'patch_task' then
            update tasks
            set title = coalesce(command.changes ->> 'title', title),
              description = case
                when command.changes ? 'description' then command.changes ->> 'description' else description
              end,
              is_completed = coalesce((command.changes ->> 'is_completed')::boolean, is_completed),
              revision = upcoming
            where id = command.task_id and user_id = command.user_id
              and not jsonb_build_object('title', title, 'description', description, 'is_completed', is_completed)
                @> command.changes
            returning id, title, description, is_completed,
              to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
          when 'toggle_task' then
            update tasks
            set is_completed = not is_completed, revision = upcoming
            where id = command.task_id and user_id = command.user_id
              and is_completed is distinct from command.is_completed
            returning id, title, description, is_completed,
              to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, user_id into changed;
          when 'delete_task' then
            delete from tasks
            where id = command.task_id and user_id = command.user_id;
          else
            raise exception 'there is no command of type %', command.type;
        end case;
        is_change := found;
        if is_change then
          answer := 'done';
          shown := case when command.type <> 'delete_task' then row_to_json(changed)::text end;
          shown_revision := upcoming;
        else
          select row_to_json(shape)::text, now.revision into shown, shown_revision
          from tasks as now
          cross join lateral (
            select now.id, now.title, now.description, now.is_completed,
              to_char(now.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, now.user_id
          ) as shape
          where now.id = command.task_id and now.user_id = command.user_id;
          answer := case when found then 'done' else 'not_found' end;
        end if;
      end if;
      case command.slot  -- by name: PostgreSQL needs longer to find the partition of a row
        when 0 then
          insert into command_log_0 (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
        when 1 then
          insert into command_log_1 (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
        when 2 then
          insert into command_log_2 (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
        when 3 then
          insert into command_log_3 (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
        else
          insert into command_log (command_id, user_id, fingerprint, status, task, revision, previous, task_id)
          values (
            command.command_id, command.user_id, command.fingerprint, answer, shown,
            shown_revision, case when is_change then reached end, command.task_id
          );
      end case;
      if is_change then
        reached := upcoming;
      end if;
    end if;

    answers[command.place] := answer;
    tasks_left[command.place] := shown;
    replays[command.place] := replayed;
    revisions[command.place] := shown_revision;
    if command.is_last_of_user and stored <> reached then
      update user_revisions
      set revision = reached
      where user_id = command.user_id;
    end if;
  end loop;
  return query
  select status, task, recorded, revision
  from unnest(answers, tasks_left, replays, revisions) as given (status, task, recorded, revision);
end $$;

revoke execute on function run_commands from public;
grant execute on function run_commands to taskwire_writer;
"""

READ_CHANGES = r"""
create or replace function read_changes(p_user_id uuid, p_since bigint, p_known_revision bigint) returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  max_changes constant integer := 500;
  asking text;
  owner text := p_user_id;
begin
  asking := set_config('app.user_id', p_user_id::text, true);
  return (
    with chain as materialized (
      select revision, task_id, previous = lag(revision, 1, p_since) over (order by revision) as follows
      from (
        select revision, task_id, previous
        from command_log
        where user_id = p_user_id and revision > p_since and previous is not null
        order by revision
        limit max_changes + 1
      ) as logged
    )
    select reached.revision || case when reached.revision is distinct from p_known_revision then (
      select ' {"revision": ' || reached.revision || ', "changed": ' || coalesce((
          json_agg(
            case when task.created_at = task.created_at::timestamptz(5) then ending_in_zero else as_it_is end
            order by task.created_at desc, task.id desc
          ) filter (where task.id is not null)
        )::text, '[]') || ', "deleted": ' || coalesce((
          json_agg(touched.task_id order by touched.task_id) filter (where task.id is null)
        )::text, '[]') || '}'
      from (select distinct task_id from chain) as touched
      left join lateral (
        select id, title, description, is_completed, created_at
        from tasks
        where id = touched.task_id and user_id = p_user_id
        limit 1
      ) as task on true
      cross join lateral (
        select task.id, task.title, task.description, task.is_completed, task.created_at, owner as user_id
      ) as as_it_is
      cross join lateral (
        select task.id, task.title, task.description, task.is_completed,
          to_char(task.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM') as created_at, owner as user_id
      ) as ending_in_zero
    ) else '' end
    from (
      select coalesce(
        (select revision from user_revisions where user_id = p_user_id),
        (select revision from tasks where user_id = p_user_id limit 1),
        0
      ) as revision
      offset 0
    ) as reached
    cross join (
      select count(*) as changes, coalesce(max(revision), p_since) as latest,
        coalesce(bool_and(follows), true) as is_whole
      from chain
    ) as told
    where told.is_whole and told.latest = reached.revision and told.changes <= max_changes
  );
end $$;

revoke execute on function read_changes from public;
grant execute on function read_changes to taskwire_reader;
"""

FORGET_COMMANDS = r"""
create or replace function forget_commands(p_retention_s double precision, p_limit integer) returns integer
language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
as $$
declare
  longest_in_slots_s constant double precision := 93600;  -- 26 hours: three slots, less an hour and the margins
  asking text;
  oldest_kept timestamptz := now() - make_interval(secs => p_retention_s);
  old_tick bigint;  -- ids below were recorded before oldest_kept: at most 16 ticks after their time
  old_id uuid;
  deleted integer;
  forgotten integer;
begin
  asking := set_config('app.housekeeping', 'on', true);
  delete from only command_log
  where command_id in (
    select command_id from only command_log
    where recorded_at < oldest_kept
    order by recorded_at
    limit p_limit
  );
  get diagnostics forgotten = row_count;
  if p_retention_s > longest_in_slots_s then
    old_tick := greatest(floor(date_part('epoch', oldest_kept) * 1000 / 65536) - 17, 0);
    old_id := rpad(lpad(to_hex(old_tick), 8, '0'), 32, '0');
    delete from only command_log_0
    where command_id in (
      select command_id from only command_log_0 where command_id < old_id order by command_id limit p_limit - forgotten
    );
    get diagnostics deleted = row_count;
    forgotten := forgotten + deleted;
    delete from only command_log_1
    where command_id in (
      select command_id from only command_log_1 where command_id < old_id order by command_id limit p_limit - forgotten
    );
    get diagnostics deleted = row_count;
    forgotten := forgotten + deleted;
    delete from only command_log_2
    where command_id in (
      select command_id from only command_log_2 where command_id < old_id order by command_id limit p_limit - forgotten
    );
    get diagnostics deleted = row_count;
    forgotten := forgotten + deleted;
    delete from only command_log_3
    where command_id in (
      select command_id from only command_log_3 where command_id < old_id order by command_id limit p_limit - forgotten
    );
    get diagnostics deleted = row_count;
    forgotten := forgotten + deleted;
  end if;
  if forgotten > 0 then
    update command_log_state set forgotten_until = greatest(forgotten_until, oldest_kept) where one_row;
  end if;
  perform empty_old_slot(p_retention_s);
  return forgotten;
end $$;

revoke execute on function forget_commands from public;
grant execute on function forget_commands to taskwire_writer;
"""

SLOT_IS_OLD = r"""
create or replace function slot_is_old(p_slot bigint, p_tick bigint, p_retention_s double precision) returns boolean
language plpgsql
immutable
set search_path = pg_catalog, public, pg_temp
as $$
declare
  ticks_of_turn constant bigint := 512;
  margin constant bigint := 24;
  newest_turn bigint := (p_tick + margin) / ticks_of_turn;
  last_turn bigint := newest_turn - (newest_turn - p_slot) % 4;
begin
  return (last_turn + 1) * ticks_of_turn + margin + ceil(p_retention_s * 1000 / 65536) <= p_tick;
end $$;

revoke execute on function slot_is_old from public;
"""

EMPTY_OLD_SLOT = r"""
create or replace function empty_old_slot(p_retention_s double precision) returns text
language plpgsql
strict
security definer
set search_path = pg_catalog, public, pg_temp
set lock_timeout = '100ms'
as $$
declare
  retention_s double precision := greatest(p_retention_s, 3600);
  this_tick bigint := floor(date_part('epoch', now()) * 1000 / 65536);
  old bigint := (
    select slot
    from (
      values
        (0, pg_relation_size('command_log_0')), (1, pg_relation_size('command_log_1')),
        (2, pg_relation_size('command_log_2')), (3, pg_relation_size('command_log_3'))
    ) as slots (slot, bytes)
    where bytes > 0 and slot_is_old(slot, this_tick, retention_s)
    order by slot
    limit 1
  );
begin
  case old
    when 0 then truncate only command_log_0;
    when 1 then truncate only command_log_1;
    when 2 then truncate only command_log_2;
    when 3 then truncate only command_log_3;
    else return 'none';
  end case;
  update command_log_state
  set forgotten_until = greatest(forgotten_until, now() - make_interval(secs => retention_s));
  return 'emptied';
exception when lock_not_available then
  return 'in_use';
end $$;

revoke execute on function empty_old_slot from public;
grant execute on function empty_old_slot to taskwire_writer;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '30s'")
    op.execute("alter table command_log_state add column slots_from timestamptz not null default '-infinity'")
    op.execute(
        "update command_log_state set slots_from = now() + interval '30 minutes'"
        " where pg_relation_size('command_log') > 0"
    )
    for slot in SLOTS:
        _make(slot)
    op.execute(RUN_COMMANDS)
    op.execute(READ_CHANGES)
    op.execute(FORGET_COMMANDS)
    op.execute(SLOT_IS_OLD)
    op.execute(EMPTY_OLD_SLOT)


def _make(slot: str) -> None:
    """Without the vacuums that only freeze: a slot is emptied before that is worth it."""
    op.execute(
        f"create table {slot} (constraint {slot}_pkey primary key (command_id)) inherits (command_log)"
        " with (autovacuum_vacuum_insert_threshold = -1)"
    )
    op.execute(f"create unique index idx_{slot}_change on {slot} (user_id, revision) where previous is not null")
    op.execute(f"alter table {slot} enable row level security")
    op.execute(f"alter table {slot} force row level security")
    op.execute(f"create policy {slot}_of_user on {slot} using ({OF_USER}) with check ({OF_USER})")
    for done, command in (("seen", "select"), ("deleted", "delete")):
        op.execute(f"create policy {slot}_old_{done} on {slot} for {command} to taskwire_writer using ({OLD_RECORD})")
    op.execute(f"grant select, insert, delete on {slot} to taskwire_writer")


def downgrade() -> None:
    op.execute("set local lock_timeout = '3s'; set local statement_timeout = '15min'")
    op.execute(f"lock table command_log, {', '.join(SLOTS)} in access exclusive mode")
    op.execute(context.script.get_revision("0011_keyed_lists").module.RUN_COMMANDS)
    op.execute(context.script.get_revision("0009_changes").module.READ_CHANGES)
    op.execute(context.script.get_revision("0003_functions").module.FORGET_COMMANDS)
    op.execute("drop function if exists empty_old_slot")
    op.execute("drop function if exists slot_is_old")
    op.execute("alter table command_log no force row level security")
    for slot in SLOTS:
        op.execute(f"alter table {slot} no force row level security")
        op.execute(f"insert into command_log ({COLUMNS}) select {COLUMNS} from {slot}")  # noqa: S608 - constants
        op.execute(f"drop table {slot}")
    op.execute("alter table command_log force row level security")
    op.execute("alter table command_log_state drop column slots_from")
