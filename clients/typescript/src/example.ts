// Every operation on tasks once, as a client would use them. Run with the address of a gateway and a user id; prints what it saw as JSON.
import { taskwire, type Task } from "./client.js";

const [baseUrl, user_id] = process.argv.slice(2);
if (!baseUrl || !user_id) throw new Error("usage: node out/example.js http://127.0.0.1:8000 <user id>");

const api = taskwire({ baseUrl });
const user = { path: { user_id } };

const created = await api.POST("/api/{user_id}/tasks", { params: user, body: { title: "Buy milk" } });
if (!created.data) throw new Error(created.error.title);
const task: Task = created.data;
const path = { user_id, task_id: task.id };

const listed = await api.GET("/api/{user_id}/tasks", { params: { ...user, query: { q: "milk", limit: 10 } } });
const found = await api.GET("/api/{user_id}/tasks/{task_id}", { params: { path } });

// Only what this client has seen is replaced: the second of two such writes is 412.
const seen = { path, header: { "If-Match": found.response.headers.get("ETag")! } };
const body = { title: "Buy bread", is_completed: false };
const replaced = await api.PUT("/api/{user_id}/tasks/{task_id}", { params: seen, body });
const lost = await api.PUT("/api/{user_id}/tasks/{task_id}", { params: seen, body: { ...body, title: "Buy butter" } });

const patched = await api.PATCH("/api/{user_id}/tasks/{task_id}", {
  params: { path },
  body: { title: "Buy rye bread" },
  headers: { "Content-Type": "application/merge-patch+json" },
});
const flipped = await api.PATCH("/api/{user_id}/tasks/{task_id}/complete", { params: { path } });
const opened = await api.PATCH("/api/{user_id}/tasks/{task_id}/complete", {
  params: { path },
  body: { is_completed: false },
});
const batch = await api.POST("/api/{user_id}/batch", {
  params: user,
  body: { operations: [{ op: "create", title: "Call Ann" }, { op: "delete", id: task.id }] },
});
const changes = await api.GET("/api/{user_id}/changes", { params: user });
const gone = await api.GET("/api/{user_id}/tasks/{task_id}", { params: { path } });

const answers = { created, listed, found, replaced, lost, patched, flipped, opened, batch, changes, gone };
console.log(
  JSON.stringify({
    statuses: Object.fromEntries(Object.entries(answers).map(([name, { response }]) => [name, response.status])),
    listed: listed.data?.map((one) => one.title),
    titles: [found.data?.title, replaced.data?.title, patched.data?.title],
    completed: [flipped.data?.is_completed, opened.data?.is_completed],
    batch: batch.data?.results.map((one) => one.status),
    problems: [lost.error?.type, gone.error?.type],
  }),
);
