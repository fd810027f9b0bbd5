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
    if (signal?.aborted) throw error;
    throw new CallFailed(GONE);
  }
  if (!answer.ok) throw new CallFailed(`${body.detail[0].toUpperCase()}${body.detail.slice(1)}.`);
  return body;
}

/** Calls of which only the latest counts: an answer that was overtaken is dropped, whenever it comes. */
export class Latest {
  #number = 0;
  #abort = new AbortController();

  /** The answer, or null if another call was made meanwhile. */
  async call(name, data) {
    const number = ++this.#number;
    this.#abort.abort();
    this.#abort = new AbortController();
    try {
      const answer = await call(name, data, this.#abort.signal);
      return number === this.#number ? answer : null;
    } catch (error) {
      if (number !== this.#number) return null;
      throw error;
    }
  }
}
