// A typed client of one Taskwire: openapi-fetch with the types of the API's document, and writes that are safe to send again.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type Task = components["schemas"]["Task"];
export type Problem = components["schemas"]["ProblemDetails"];

export interface Options {
  baseUrl: string;
  token?: string;
  /** How long one call may take with all its attempts. */
  withinMs?: number;
}

const KEY = "Idempotency-Key";
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** What may pass: too many requests, and a service that is away. After a 504 a write may have been done: its key makes sure. */
const TRANSIENT = new Set([429, 502, 503, 504]);

/** The client. Its calls return `data` or `error`, a problem; they reject when no answer came within the time. */
export function taskwire({ baseUrl, token, withinMs = 20_000 }: Options) {
  const client = createClient<paths>({ baseUrl, fetch: (request) => persistently(request, withinMs) });
  const everyRequest: Middleware = {
    onRequest({ request }) {
      if (token) request.headers.set("Authorization", `Bearer ${token}`);
      if (request.method !== "GET" && !request.headers.has(KEY)) request.headers.set(KEY, `"${crypto.randomUUID()}"`);
      return request;
    },
  };
  client.use(everyRequest);
  return client;
}

/** Sends the request until it has an answer that is not transient. Every attempt has the same key, so a write is done once. */
async function persistently(request: Request, withinMs: number): Promise<Response> {
  const ends = Date.now() + withinMs;
  for (let attempt = 0; ; attempt++) {
    const sent = new Request(request.clone(), { signal: AbortSignal.timeout(Math.max(1, ends - Date.now())) });
    const outcome: Response | Error = await fetch(sent).catch((error: Error) => error);
    if (outcome instanceof Response && !TRANSIENT.has(outcome.status)) return outcome;

    const pause = outcome instanceof Response ? asked(outcome) ?? growing(attempt) : growing(attempt);
    if (Date.now() + pause >= ends) {
      if (outcome instanceof Response) return outcome;
      throw outcome;
    }
    if (outcome instanceof Response) await outcome.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** The pause that the answer asks for, in milliseconds. */
function asked(answer: Response): number | undefined {
  const seconds = Number(answer.headers.get("Retry-After") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}

/** Random, so that clients that failed together do not come back together. */
function growing(attempt: number): number {
  return Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
}
