// The list of what was sent and received, for whoever wants to know how the page works.

const SHOWN = 12;
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{4}([0-9a-f]{8})/g; // they begin with the time, and end differently
const list = document.getElementById("wire");

/** A request and the status of its answer; null where none came. */
export function show_request(method, path, status, ms) {
  const result = status === null ? "no answer" : `${status} · ${Math.max(1, Math.round(ms))} ms`;
  show(method, path, result, status !== null && status < 400 ? "good" : "bad");
}

/** An event of the stream. */
export function show_event(kind, changed, deleted) {
  const told = [changed && `${changed} changed`, deleted && `${deleted} deleted`].filter(Boolean).join(", ");
  show("event", kind, told || "nothing new", "");
}

function show(method, path, result, state) {
  const line = document.createElement("li");
  for (const [name, text] of [["method", method], ["path", path], [`result ${state}`, result]]) {
    const cell = document.createElement("span");
    cell.className = name;
    cell.textContent = text.replace(UUID, "…$1");
    cell.title = text;
    line.append(cell);
  }
  list.prepend(line);
  while (list.children.length > SHOWN) list.lastElementChild.remove();
}
