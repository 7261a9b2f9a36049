// The page: puts the session, the list, the stream and the forms together.

import { call } from "./api.js";
import { edit } from "./editor.js";
import { follow } from "./events.js";
import { TaskList } from "./list.js";
import { Session } from "./session.js";
import { show_event } from "./wire.js";

const by_id = id => document.getElementById(id);
const LIVE = { open: "live", connecting: "connecting…", closed: "offline" };

const settings = await (await fetch("home/settings.json", { cache: "no-store" })).json();
const session = new Session(settings);
const list = new TaskList({ toggle, edit: open_editor, remove });
let revision; // of the copy that is shown
let following = new AbortController();

/** Applies one event of the stream. Events come in the order of revisions, so the last word on a task is the newest. */
function changes({ revision: reached, changed, deleted }) {
  const first = revision === undefined;
  if (first) list.replace(changed);
  else changed.forEach(task => list.put(task));
  deleted.forEach(id => list.remove(id));
  revision = reached;
  show_event("changes", changed.length, deleted.length);
  show_counts();
}

/** The stream cannot tell the changes: reads everything anew. */
async function reset() {
  show_event("reset", 0, 0);
  await attempt(async () => {
    const { json } = await call(session, "GET", "changes");
    if (json.revision < revision) return;
    list.replace(json.changed);
    revision = json.revision;
    show_counts();
  });
}

async function add(event) {
  event.preventDefault();
  const input = by_id("title"), title = input.value;
  input.value = "";
  const done = await attempt(async () => {
    const { json } = await call(session, "POST", "tasks", { body: { title } });
    list.put(json);
  });
  if (!done && !input.value) input.value = title;
}

async function toggle(id) {
  const task = list.get(id);
  const wanted = { ...task, is_completed: !task.is_completed };
  list.put(wanted);
  const done = await attempt(async () => {
    const { json } = await call(session, "PATCH", `tasks/${id}/complete`, { body: { is_completed: wanted.is_completed } });
    if (list.get(id)) list.put(json);
  });
  if (!done && list.get(id)) list.put(task);
}

function open_editor(id) {
  const changed = task => { list.put(task); show_counts(); };
  return edit(session, id, list.item(id), { changed, gone: () => gone(id), failed: say });
}

async function remove(id) {
  await attempt(async () => {
    await call(session, "DELETE", `tasks/${id}`).catch(error => { if (error.status !== 404) throw error; });
    list.remove(id);
  });
}

function gone(id) {
  list.remove(id);
  say(new Error("Somebody has deleted this task."));
  show_counts();
}

/** Whether the work was done; shows why where it was not. */
async function attempt(work) {
  say(null);
  try {
    await work();
    return true;
  } catch (error) {
    error.status === 401 ? refused(error) : say(error);
    return false;
  } finally {
    show_counts();
  }
}

function say(error) {
  by_id("message").hidden = error === null;
  by_id("message").textContent = error?.message ?? "";
}

function show_counts() {
  const { open, done } = list.count();
  by_id("counts").textContent = open + done ? `${open} open, ${done} done` : "";
  by_id("filter").hidden = !(open + done);
  by_id("empty").hidden = open + done > 0 || revision === undefined;
}

function show_state(state) {
  by_id("live").dataset.state = state;
  by_id("live").textContent = LIVE[state];
}

/** The gateway does not accept the token: asks for another one. */
function refused(error) {
  session.forget();
  start();
  say(error);
}

function start() {
  following.abort();
  following = new AbortController();
  revision = undefined;
  list.replace([]);
  by_id("user").textContent = session.user ?? "not known yet";
  by_id("token-form").hidden = session.is_ready;
  by_id("add-form").hidden = !session.is_ready;
  by_id("forget").hidden = !session.token;
  by_id("second-window").href = session.needs_token ? "./" : `./#user=${session.user}`;
  show_counts();
  show_state("closed");
  if (session.is_ready) follow(session, () => revision, { changes, reset, refused, state: show_state }, following.signal);
}

function take_token(event) {
  event.preventDefault();
  const token = by_id("token").value.trim();
  by_id("token").value = "";
  if (!session.take(token)) return say(new Error(`This is no JSON Web Token whose claim “${session.user_claim}” is a user's UUID.`));
  say(null);
  start();
  by_id("title").focus();
}

function show_links() {
  by_id("version").textContent = `Release ${settings.version}`;
  if (settings.status_port && ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
    by_id("status-link").href = `http://${location.hostname}:${settings.status_port}/`;
    by_id("status-link").hidden = false;
  }
}

by_id("add-form").addEventListener("submit", add);
by_id("token-form").addEventListener("submit", take_token);
by_id("forget").addEventListener("click", () => { session.forget(); start(); by_id("token").focus(); });
by_id("filter").addEventListener("change", event => { by_id("tasks").dataset.show = event.target.value; });
addEventListener("hashchange", () => location.reload());
show_links();
start();
