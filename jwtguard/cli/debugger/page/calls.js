// Calls to the program that served this page. It knows the page by a token, which the page has from the fragment of its
// address: that is never sent anywhere, and never logged. Nothing is stored; a reload finds it in the same place.

const HEADER = "X-JWTGuard-Debugger";
const GONE = "The debugger does not answer: start it again with “jwtguard debugger”, and open the link that it shows.";

let token = "";

/** What the server refuses, or that it is gone; the message is for the person. */
export class CallFailed extends Error {}

/** Get the token, which takes a call if the page was opened with a ticket. */
export async function open() {
  const given = new URLSearchParams(location.hash.slice(1));
  token = given.get("token") ?? "";
  if (given.has("ticket")) {
    token = (await call("open", { ticket: given.get("ticket") })).token;
    history.replaceState(null, "", `#token=${token}`);
  }
}

/** Call `name` with an object, and get one. */
export async function call(name, data = {}, signal = undefined) {
  let answer;
  let body;
  try {
    answer = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", [HEADER]: token },
      body: JSON.stringify(data),
      credentials: "omit",
      redirect: "error",
      signal,
    });
    body = await answer.json();
  } catch (error) {
    throw signal?.aborted ? error : new CallFailed(GONE);
  }
  if (!answer.ok) throw new CallFailed(`${body.detail}.`);
  return body;
}

/** Calls of which only the latest counts: one that was overtaken is given up, and so is its answer. */
export class Latest {
  #under = new AbortController();

  /** The answer, or null if another call was made meanwhile. */
  /** Give up the call under way, and its answer. */
  giveUp() {
    this.#under.abort();
  }

  async call(name, data) {
    this.#under.abort();
    const { signal } = (this.#under = new AbortController());
    try {
      return await call(name, data, signal);
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }
}
