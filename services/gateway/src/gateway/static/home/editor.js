// Editing one task: what is shown is read first, and is written only if nobody has changed it meanwhile (If-Match).

import { call, Refused } from "./api.js";

const MERGE_PATCH = "application/merge-patch+json";
const template = document.getElementById("edit-template").content;

/** Opens the editor in the item of a task. `on` has `changed`, `gone` and `failed`. */
export async function edit(session, id, item, on) {
  if (item.querySelector(".editor")) return;
  const path = `tasks/${id}`;
  try {
    const { json: task, etag } = await call(session, "GET", path);
    if (!item.querySelector(".editor")) open(session, path, item, { task, etag }, on);
  } catch (error) {
    error.status === 404 ? on.gone() : on.failed(error);
  }
}

function open(session, path, item, seen, on) {
  const form = template.cloneNode(true).firstElementChild;
  const title = form.querySelector(".edit-title"), description = form.querySelector(".edit-description");
  const close = () => { form.remove(); item.querySelector(".edit").focus(); };
  title.value = seen.task.title;
  description.value = seen.task.description ?? "";
  form.querySelector(".cancel").addEventListener("click", close);
  form.addEventListener("keydown", event => { if (event.key === "Escape") close(); });
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const save = form.querySelector(".save");
    save.disabled = true;
    try {
      const body = { title: title.value, description: description.value || null };
      const { json } = await call(session, "PATCH", path, { body, type: MERGE_PATCH, headers: { "If-Match": seen.etag } });
      on.changed(json);
      close();
    } catch (error) {
      if (error.status === 404) return on.gone();
      if (error.status === 412) error = await look_again(session, path, seen);
      say(form, error);
    } finally {
      save.disabled = false;
    }
  });
  item.append(form);
  title.focus();
}

/** Reads the task anew, unless it is as it was; what to tell whoever wanted to save. */
async function look_again(session, path, seen) {
  try {
    const { status, json, etag } = await call(session, "GET", path, { headers: { "If-None-Match": seen.etag } });
    if (status !== 304) Object.assign(seen, { task: json, etag });
  } catch (error) {
    return error;
  }
  const { title, description } = seen.task;
  const now = description ? `“${title}” (${description})` : `“${title}”`;
  return new Refused(412, { detail: `Somebody has changed this task meanwhile. It is now ${now}. Save again to replace that, or cancel.` });
}

function say(form, error) {
  const message = form.querySelector(".conflict");
  message.textContent = error.message;
  message.hidden = false;
}
