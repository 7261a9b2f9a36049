// The API as a careful client calls it: a write has an Idempotency-Key, and is sent again with the same key for as long as
// its outcome is not known, so that it takes effect once.

import { show_request } from "./wire.js";

const ATTEMPTS = 5;
const PAUSE_MS = 300;
const WAIT_MS = 8000; // longer than the gateway's own limits
const AGAIN = new Set([408, 429, 502, 503, 504]);

/** An answer that is an error: the problem document (RFC 9457) says what is wrong. */
export class Refused extends Error {
  constructor(status, problem, etag) {
    super(problem.detail || problem.title || `The gateway answered ${status}.`);
    this.status = status;
    this.etag = etag;
  }
}

/** A random UUID. crypto.randomUUID exists on https and localhost alone. */
export function new_uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Sends a request of this user, again while it is not answered, or answered with a status that says to come again. */
export async function call(session, method, path, { body, type = "application/json", headers = {} } = {}) {
  const request = { method, headers: { ...session.headers(), ...headers }, cache: "no-store" };
  if (body !== undefined) {
    request.headers["Content-Type"] = type;
    request.body = JSON.stringify(body);
  }
  if (method !== "GET") request.headers["Idempotency-Key"] = `"${new_uuid()}"`;
  for (let attempt = 1; ; attempt++) {
    const answer = await once(session, path, request);
    const last = attempt === ATTEMPTS;
    if (answer && (last || !AGAIN.has(answer.status))) return read(answer);
    if (last) throw new Error("The gateway cannot be reached. What you did may not have been done.");
    await pause(Math.max(retry_after_ms(answer), PAUSE_MS * attempt * (0.5 + Math.random())));
  }
}

/** How long the answer asks to wait. */
export const retry_after_ms = answer => 1000 * (Number(answer?.headers.get("Retry-After")) || 0);

/** The answer; null where none came. */
async function once(session, path, request) {
  const began = performance.now();
  let answer = null;
  try {
    answer = await fetch(session.url(path), { ...request, signal: AbortSignal.timeout(WAIT_MS) });
  } catch (error) {
    console.debug("no answer", error);
  }
  show_request(request.method, path, answer?.status ?? null, performance.now() - began);
  return answer;
}

/** Status, entity tag and JSON of an answer. Raises Refused for an error. */
export async function read(answer) {
  const etag = answer.headers.get("ETag");
  const text = await answer.text();
  if (answer.ok || answer.status === 304) return { status: answer.status, etag, json: text ? JSON.parse(text) : null };
  throw new Refused(answer.status, problem_of(text), etag);
}

function problem_of(text) {
  try {
    const problem = JSON.parse(text);
    const errors = (problem.errors || []).map(error => error.detail).join(". ");
    return errors ? { ...problem, detail: errors } : problem;
  } catch {
    return {}; // a proxy's own page
  }
}
