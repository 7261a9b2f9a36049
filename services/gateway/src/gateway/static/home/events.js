// The event stream: EventSource where it will do, fetch where a token has to be sent, which EventSource cannot.

import { pause, read, retry_after_ms } from "./api.js";

const COME_AGAIN_MS = 3000;
const SILENCE_MS = 45_000; // three heartbeats

/**
 * Follows the user's changes until `signal` is aborted. `on` has `changes`, `reset`, `state` and `refused`; `since` tells the
 * revision of the copy, or undefined.
 */
export async function follow(session, since, on, signal) {
  while (!signal.aborted) {
    on.state("connecting");
    const wait_ms = session.needs_token ? await fetched(session, since(), on, signal) : await sourced(session, since(), on, signal);
    if (signal.aborted) return;
    on.state("connecting");
    await pause(wait_ms);
  }
}

const address = (session, revision) => session.url(revision === undefined ? "events" : `events?since=${revision}`);

/** Returns how long to wait once the browser has given up: after an answer that is an error. */
function sourced(session, revision, on, signal) {
  return new Promise(resolve => {
    const source = new EventSource(address(session, revision));
    const end = () => { source.close(); resolve(COME_AGAIN_MS); };
    source.onopen = () => on.state("open");
    source.onerror = () => source.readyState === EventSource.CLOSED ? end() : on.state("connecting");
    source.addEventListener("changes", event => on.changes(JSON.parse(event.data)));
    source.addEventListener("reset", () => on.reset());
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Returns how long to wait once the stream has ended, or could not be opened. */
async function fetched(session, revision, on, signal) {
  const silence = new AbortController();
  let timer = null;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  const stop = AbortSignal.any([signal, silence.signal]);
  try {
    heard();
    const answer = await fetch(address(session, revision), { headers: session.headers(), cache: "no-store", signal: stop });
    if (!answer.ok) {
      if (answer.status === 401) await read(answer).catch(on.refused);
      return Math.max(retry_after_ms(answer), COME_AGAIN_MS);
    }
    on.state("open");
    await read_events(answer.body, heard, on);
  } catch (error) {
    console.debug("the stream has ended", error);
  } finally {
    clearTimeout(timer);
  }
  return COME_AGAIN_MS;
}

/** Server-sent events as the gateway writes them: lines end with a line feed, an event with an empty line. */
async function read_events(body, heard, on) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    events.forEach(event => dispatch(event.split("\n"), on));
  }
}

function dispatch(lines, on) {
  const fields = name => lines.filter(line => line.startsWith(`${name}: `)).map(line => line.slice(name.length + 2));
  const [kind] = fields("event");
  if (kind === "changes") on.changes(JSON.parse(fields("data").join("\n")));
  if (kind === "reset") on.reset();
}
