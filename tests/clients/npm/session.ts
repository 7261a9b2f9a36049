// Every operation once, by types and a client that are made of the description. Writes what it saw as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Task = components["schemas"]["Task"];

const [, , baseUrl, user_id] = process.argv;
const client = createClient<paths>({ baseUrl });
const user = { path: { user_id } };

const created = await client.POST("/api/{user_id}/tasks", { params: user, body: { title: "Buy milk" } });
const task: Task = created.data!;
const params = { path: { user_id, task_id: task.id } };

const listed = await client.GET("/api/{user_id}/tasks", { params: user });
const found = await client.GET("/api/{user_id}/tasks/{task_id}", { params });
const replaced = await client.PUT("/api/{user_id}/tasks/{task_id}", { params, body: { title: "Buy bread", is_completed: false } });
const patched = await client.PATCH("/api/{user_id}/tasks/{task_id}", {
  params,
  body: { title: "Buy rye bread" },
  headers: { "Content-Type": "application/merge-patch+json" },
});
const flipped = await client.PATCH("/api/{user_id}/tasks/{task_id}/complete", { params });
const opened = await client.PATCH("/api/{user_id}/tasks/{task_id}/complete", { params, body: { is_completed: false } });
const deleted = await client.DELETE("/api/{user_id}/tasks/{task_id}", { params });
const gone = await client.GET("/api/{user_id}/tasks/{task_id}", { params });
const problem = gone.error?.type;

const answers = [created, listed, found, replaced, patched, flipped, opened, deleted, gone];
console.log(
  JSON.stringify({
    statuses: answers.map((answer) => answer.response.status),
    listed: listed.data?.map((one) => one.title),
    titles: [found.data?.title, replaced.data?.title, patched.data?.title],
    completed: [flipped.data?.is_completed, opened.data?.is_completed],
    problem,
  }),
);
