// The list on the screen. All text is set as text, never as HTML: a task's title may be anything.

const items = document.getElementById("tasks");
const template = document.getElementById("task-template").content;

/** Newest first, as the API orders them. */
const is_before = (one, other) => one.created_at === other.created_at ? one.id > other.id : one.created_at > other.created_at;

export class TaskList {
  /** `on` has `toggle`, `edit` and `remove`, each called with a task's id. */
  constructor(on) {
    this.on = on;
    this.shown = new Map(); // a task and its item, by the task's id
  }

  get(id) {
    return this.shown.get(id)?.task;
  }

  item(id) {
    return this.shown.get(id)?.item;
  }

  /** Shows the task as it is now. `fresh` marks a new one. */
  put(task, fresh = true) {
    const known = this.shown.get(task.id);
    const item = known?.item ?? this.made(task, fresh);
    this.shown.set(task.id, { task, item });
    item.classList.toggle("is-done", task.is_completed);
    const box = item.querySelector(".done");
    box.checked = task.is_completed;
    box.setAttribute("aria-label", task.title);
    item.querySelector(".title").textContent = task.title;
    item.querySelector(".description").textContent = task.description ?? "";
    for (const [name, word] of [[".edit", "Edit"], [".delete", "Delete"]]) item.querySelector(name).setAttribute("aria-label", `${word} ${task.title}`);
  }

  /** Takes the task away; the keyboard's focus goes to the next one. */
  remove(id) {
    const known = this.shown.get(id);
    if (!known) return;
    this.shown.delete(id);
    if (known.item.contains(document.activeElement)) {
      const next = known.item.nextElementSibling ?? known.item.previousElementSibling;
      (next?.querySelector(".delete") ?? items).focus();
    }
    known.item.remove();
  }

  /** Shows these tasks and no others. */
  replace(tasks) {
    const ids = new Set(tasks.map(task => task.id));
    [...this.shown.keys()].filter(id => !ids.has(id)).forEach(id => this.remove(id));
    tasks.forEach(task => this.put(task, false));
  }

  count() {
    let done = 0;
    for (const { task } of this.shown.values()) done += task.is_completed;
    return { open: this.shown.size - done, done };
  }

  made(task, fresh) {
    const item = template.cloneNode(true).firstElementChild;
    item.dataset.id = task.id;
    item.classList.toggle("fresh", fresh);
    item.querySelector(".done").addEventListener("change", () => this.on.toggle(task.id));
    item.querySelector(".edit").addEventListener("click", () => this.on.edit(task.id));
    item.querySelector(".delete").addEventListener("click", () => this.on.remove(task.id));
    items.insertBefore(item, this.after(task));
    return item;
  }

  /** The item that a new task comes before: nearly always the first. */
  after(task) {
    return [...items.children].find(item => is_before(task, this.get(item.dataset.id))) ?? null;
  }
}
