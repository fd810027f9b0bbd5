// What the two pages share: what is shown, and when. How a call is made, and where the tokens are, is what they differ
// in: see cookies.js and header.js.

const $ = (id) => document.getElementById(id);

/** Whether a call was refused because the password was typed too long ago: another token would not help. */
export const isTooOld = (answer) =>
  answer.headers.get("WWW-Authenticate")?.includes("insufficient_user_authentication") ?? false;

/**
 * Run the page.
 *
 * `prefix` is where the routes of the session are. `login(credentials)`, `logout()` and `call(method, path, body)` return
 * the server's answer; `forget()` drops what the page itself knows.
 */
export function run({ prefix, login, logout, call, forget }) {
  // Other tabs hear at once who comes and goes. One that does not is told 401 by its next call, and shows the same.
  const tabs = new BroadcastChannel(prefix);
  tabs.onmessage = ({ data }) => {
    forget();
    if (data === "out") showLogin("You have logged out in another tab.");
    else showAccount();
  };

  on($("login"), "submit", async (form) => {
    const fields = new FormData(form);
    const answer = await sent(
      login({ username: fields.get("username"), password: fields.get("password"), remember: fields.has("remember") }),
    );
    if (answer?.status === 401) return say("The name or the password is wrong.");
    if (!answer?.ok) return sayWhy(answer);
    form.reset();
    tabs.postMessage("in");
    // Some browsers keep a cookie that is Secure from http://localhost, as if that were https. Others do not.
    if (await showAccount("This browser keeps the cookies of a login for https only.")) $("greeting").focus();
  });

  on($("rename"), "submit", async (form) => {
    if (await ask("POST", "/me", { display_name: new FormData(form).get("display_name") })) {
      await showAccount();
      say("Renamed.");
    }
  });

  for (const button of document.querySelectorAll("button[data-path]")) {
    on(button, "click", async () => {
      $("answer").textContent = "";
      const found = await ask("GET", button.dataset.path);
      if (found) $("answer").textContent = JSON.stringify(found);
    });
  }

  on($("logout"), "click", async () => {
    const answer = await sent(logout());
    if (answer?.ok) leave("You are logged out.");
    else sayWhy(answer);
  });

  on($("logout-all"), "click", async () => {
    if (await ask("POST", `${prefix}/logout-all`)) leave("You are logged out on all devices.");
  });

  showAccount();

  /** Make a call: what was answered, or null, and then the page says why. */
  async function ask(method, path, body, whenLoggedOut = "Please log in.") {
    const answer = await sent(call(method, path, body));
    if (answer?.ok) return answer.status === 204 ? {} : answer.json();
    if (answer?.status !== 401) await sayWhy(answer);
    else if (isTooOld(answer)) showLogin("For that, your login is too old. Please type your password once more.");
    else showLogin(whenLoggedOut);
    return null;
  }

  async function showAccount(whenLoggedOut) {
    const me = await ask("GET", "/me", undefined, whenLoggedOut);
    const found = me && (await ask("GET", `${prefix}/sessions`));
    if (!found) return false;
    $("greeting").textContent = `Hello, ${me.display_name}`;
    $("rename").elements.display_name.value = me.display_name;
    $("devices").replaceChildren(...found.sessions.map(device));
    if ($("account").hidden) say("");
    show("account");
    return true;
  }

  function device({ id, label, created_at: createdAt, current }) {
    const item = $("device").content.cloneNode(true);
    const name = nameOf(label);
    const since = new Date(createdAt * 1000);
    item.querySelector("strong").textContent = current ? `This device (${name})` : name;
    item.querySelector("time").textContent = since.toLocaleString();
    item.querySelector("time").dateTime = since.toISOString();
    const end = item.querySelector("button");
    if (current) {
      end.remove(); // That is what "Log out" is for.
    } else {
      end.setAttribute("aria-label", `End ${name}, since ${since.toLocaleString()}`);
      on(end, "click", async () => {
        if (!(await ask("DELETE", `${prefix}/sessions/${id}`))) return;
        await showAccount();
        $("logout").focus(); // The button that had the focus is gone.
        say("That device is logged out.");
      });
    }
    return item;
  }

  function leave(message) {
    forget();
    tabs.postMessage("out");
    showLogin(message);
    $("login").elements.username.focus();
  }

  function showLogin(message) {
    $("answer").textContent = "";
    $("devices").replaceChildren(); // Whoever sits down here next need not know.
    show("login");
    say(message);
  }
}

function on(element, event, action) {
  element.addEventListener(event, (happened) => {
    happened.preventDefault();
    say("");
    action(element);
  });
}

/** The answer, or null if there was none. */
const sent = (request) => request.catch(() => null);

async function sayWhy(answer) {
  if (answer === null) return say("The server cannot be reached.");
  const isProblem = answer.headers.get("Content-Type")?.startsWith("application/problem+json");
  say(isProblem ? (await answer.json()).detail : `The server answered ${answer.status} ${answer.statusText}.`);
}

function say(text) {
  $("message").textContent = text;
}

function show(id) {
  for (const part of ["login", "account"]) $(part).hidden = part !== id;
}

/** A name for people to know a device by, from what its browser calls itself. */
function nameOf(label) {
  // Each calls itself by the names of those before it, too: the first of these that occurs is the right one.
  const browsers = { "Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari" };
  const systems = { Android: "Android", iPhone: "iPhone", iPad: "iPad", Windows: "Windows", Mac: "macOS", Linux: "Linux" };
  const first = (names) => names[Object.keys(names).find((mark) => label?.includes(mark))];
  return first(browsers) && first(systems) ? `${first(browsers)} on ${first(systems)}` : (label ?? "A device");
}
