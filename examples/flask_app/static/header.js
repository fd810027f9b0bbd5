// Calls with a header. The access token is in a variable of this module: not in localStorage or sessionStorage, where
// every script would find it, now and later. It is gone when the page is reloaded, and the refresh token, in a cookie
// that scripts cannot read and that goes to PREFIX alone, is there to get another.

import { isTooOld, run } from "./page.js";

const PREFIX = "/header/auth";

let token = null;
let renewing = null; // the refresh under way, if there is one

async function call(method, path, body) {
  const used = token;
  if (used !== null) {
    const answer = await send(method, path, body);
    if (answer.status !== 401 || isTooOld(answer)) return answer;
  }
  // The token is gone or has expired. Calls that find that out together wait for one refresh together, and one that
  // finds it out later sees that there is a new token already.
  if (token === used) {
    renewing ??= obtain("refresh").finally(() => (renewing = null));
    const renewed = await renewing;
    // 400: the session is over. Sent without a token, the call is then answered 401, and the page shows its form.
    if (!renewed.ok && renewed.status !== 400) return renewed;
  }
  return send(method, path, body);
}

function send(method, path, body) {
  return fetch(path, {
    method,
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    body: body && JSON.stringify(body),
    credentials: "omit", // The header alone says who calls: no cookie goes along, so no other site can forge a call.
  });
}

/** Ask one of the routes that know the refresh cookie. */
function post(route, body = {}) {
  const headers = { "Content-Type": "application/json" };
  return fetch(`${PREFIX}/${route}`, { method: "POST", headers, body: JSON.stringify(body) });
}

async function obtain(route, body) {
  const answer = await post(route, body);
  token = answer.ok ? (await answer.json()).access_token : null;
  return answer;
}

function forget() {
  token = null;
}

run({
  prefix: PREFIX,
  call,
  login: (credentials) => obtain("login", credentials),
  logout: () => post("logout"),
  forget,
});
