// Calls with cookies. There is no token in this file: the browser keeps both where no script can read them, sends them
// along with every request to this origin, and the server renews the access token on the way ("silent renewal").

import { run } from "./page.js";

const PREFIX = "/auth";

function call(method, path, body) {
  return fetch(path, {
    method,
    // The one thing to do by hand. Another site can make a browser send our cookies, but it cannot read them.
    headers: { "Content-Type": "application/json", "X-CSRF-Token": cookie("__Host-csrf") },
    body: body && JSON.stringify(body),
  });
}

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? found.slice(name.length + 1) : "";
}

run({
  prefix: PREFIX,
  call,
  login: (credentials) => call("POST", `${PREFIX}/login`, credentials),
  logout: () => call("POST", `${PREFIX}/logout`),
  forget: () => {}, // The server has cleared the cookies, for all tabs.
});
