// Whose list is shown: a made-up user where anyone may call, the token's where the gateway asks for one.

import { new_uuid } from "./api.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const USER = "taskwire-user";
const TOKEN = "taskwire-token";

export class Session {
  /** `settings` is what the gateway says at home/settings.json. */
  constructor(settings) {
    this.needs_token = settings.auth_mode === "jwt";
    this.user_claim = settings.user_claim;
    this.token = this.needs_token ? sessionStorage.getItem(TOKEN) : null;
    this.user = this.needs_token ? user_in(this.token, this.user_claim) : made_up_user();
  }

  get is_ready() {
    return this.user !== null;
  }

  url(path) {
    return `api/${this.user}/${path}`;
  }

  headers() {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  /** Whether this can be a token: one that names a user. The gateway decides whether it is valid. */
  take(token) {
    const user = user_in(token, this.user_claim);
    if (user === null) return false;
    sessionStorage.setItem(TOKEN, token);
    this.token = token;
    this.user = user;
    return true;
  }

  forget() {
    sessionStorage.removeItem(TOKEN);
    this.token = this.user = null;
  }
}

/** The user in the address, the one of the last visit, or a new one. It is put into the address, so that that can be shared. */
function made_up_user() {
  const named = new URLSearchParams(location.hash.slice(1)).get("user");
  const user = [named, localStorage.getItem(USER)].find(one => one && UUID.test(one)) ?? new_uuid();
  localStorage.setItem(USER, user);
  history.replaceState(null, "", `#user=${user}`);
  return user;
}

/** The UUID in the claim of a JSON Web Token (RFC 7519), read without checking the signature; null where there is none. */
function user_in(token, claim) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), character => character.charCodeAt(0));
    const user = JSON.parse(new TextDecoder().decode(bytes))[claim];
    return UUID.test(user) ? user : null;
  } catch {
    return null;
  }
}
