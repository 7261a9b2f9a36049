// Against a server that fails first: what matters here is what is sent, and how often.
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { taskwire } from "./client.js";

const params = { path: { user_id: "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11" } };
const body = { title: "Buy milk" };

/** Runs `use` with the address of a server. */
async function serving(listener: RequestListener, use: (baseUrl: string) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("a write is sent again with the key and the body that it had", async () => {
  const sent: [string | undefined, string][] = [];
  await serving(
    (request, response) => {
      let text = "";
      request.on("data", (data) => (text += data));
      request.on("end", () => {
        sent.push([request.headers["idempotency-key"] as string, text]);
        if (sent.length === 1) request.socket.destroy();
        else if (sent.length === 2) response.writeHead(503, { "Retry-After": "0" }).end();
        else response.writeHead(201, { "Content-Type": "application/json" }).end('{"id": "1"}');
      });
    },
    async (baseUrl) => {
      const { response } = await taskwire({ baseUrl }).POST("/api/{user_id}/tasks", { params, body });
      assert.equal(response.status, 201);
    },
  );

  assert.equal(sent.length, 3);
  assert.equal(new Set(sent.map(([key]) => key)).size, 1);
  assert.match(sent[0]![0]!, /^"[0-9a-f-]{36}"$/);
  assert.deepEqual(sent.map(([, text]) => JSON.parse(text)), [body, body, body]);
});

test("a refusal is returned at once, and two writes have two keys", async () => {
  const keys: unknown[] = [];
  await serving(
    (request, response) => {
      keys.push(request.headers["idempotency-key"]);
      response.writeHead(422, { "Content-Type": "application/problem+json" }).end('{"title": "No"}');
    },
    async (baseUrl) => {
      const api = taskwire({ baseUrl });
      for (let n = 0; n < 2; n++) {
        const { error } = await api.POST("/api/{user_id}/tasks", { params, body });
        assert.equal(error?.title, "No");
      }
    },
  );

  assert.equal(new Set(keys).size, 2);
});

test("what stays away is given up in time, with its last answer", async () => {
  let requests = 0;
  await serving(
    (_, response) => {
      requests++;
      response.writeHead(503, { "Retry-After": "60" }).end();
    },
    async (baseUrl) => {
      const { response } = await taskwire({ baseUrl, withinMs: 500 }).GET("/api/{user_id}/tasks", { params });
      assert.equal(response.status, 503);
    },
  );

  assert.equal(requests, 1);
});
