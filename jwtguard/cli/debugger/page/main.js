// The page: what the user changes goes to the server, and what it answers is shown. Token and parts are two views of one
// thing: whichever was edited last is the one that counts, and the other follows.

import { $, element, problem, say } from "./dom.js";
import { CallFailed, Latest, call, open } from "./calls.js";
import { Editor, jsonColours, tokenColours } from "./editor.js";
import { CheckForm, SignForm } from "./forms.js";
import { showParts, tick as tickDates } from "./parts.js";
import { now, setClock } from "./times.js";
import { endsAt, showVerdict, tick as tickVerdict } from "./verdict.js";

const PAUSE = 120; // Milliseconds without a key until the server is asked.
const AGAIN = 10_000; // Milliseconds after which a verdict is asked for again: sessions end, and keys change.

const latest = new Latest();
let timer = 0; // Of the edit that waits for a pause.
let underWay = 0; // Attempts whose answer has not come.
let shown = null; // The latest inspection.
let askedAt = 0; // By this machine's clock: the server's may be another.

const token = new Editor($("token-editor"), { colour: tokenColours, onInput: () => soon(inspect) });
const header = new Editor($("header-editor"), { colour: jsonColours, onInput: () => soon(sign) });
const payload = new Editor($("payload-editor"), { colour: jsonColours, onInput: () => soon(sign) });
const check = new CheckForm(() => soon(inspect));
const signing = new SignForm({
  check,
  onChange: () => { problem("sign-problem", null); arrange(); },
  onUsePublic: (key) => { check.usePublicKey(key); soon(inspect); },
});

/** Do this when the user pauses; until then whatever else was to be done is out of date. */
function soon(act) {
  clearTimeout(timer);
  latest.giveUp(); // Its answer would write over what is being edited.
  measure();
  timer = setTimeout(() => { timer = 0; attempt(act); }, PAUSE);
}

/** Do it, and tell the person what went wrong. */
async function attempt(act) {
  underWay += 1;
  try {
    await act();
    problem("alert", null);
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    problem("alert", error.message);
  } finally {
    underWay -= 1;
  }
}

async function inspect() {
  askedAt = Date.now();
  const answer = await latest.call("inspect", { token: token.value, check: check.value });
  if (answer) show(answer);
}

/** Put the edited parts together. `renew`: good for five minutes from now. */
async function sign({ renew = false } = {}) {
  const answer = await latest.call("sign", {
    header: header.value,
    payload: payload.value,
    signature: token.value.split(".")[2] ?? "",
    signing: signing.value,
    check: check.value,
    renew,
  });
  if (!answer) return;
  const problems = answer.problems ?? {};
  problem("header-problem", problems.header, header.area);
  problem("payload-problem", problems.payload, payload.area);
  signing.showProblem(problems.signing);
  if (answer.token === undefined) return;
  token.value = answer.token;
  askedAt = Date.now();
  show(answer);
}

function show(answer) {
  shown = answer;
  setClock(answer.now);
  check.showProblem(answer.check_problem);
  showParts(answer, { header, payload });
  showVerdict(answer);
  measure();
  arrange();
}

/** Say how long each part is. */
function measure() {
  const parts = token.value.trim().split(".");
  [...$("token-parts").children].forEach((place, index) => {
    const { length } = parts[index] ?? "";
    place.querySelector("[data-length]").replaceChildren(...(length ? [`${length}`, element("span", "hidden", " characters")] : []));
  });
}

/** Enable what can be done now. */
function arrange() {
  const isEmpty = token.value === "";
  $("copy").disabled = $("clear").disabled = isEmpty;
  const isSigned = signing.hasKey && payload.value.trim() !== "" && header.value.trim() !== "";
  $("sign-now").disabled = $("renew").disabled = !isSigned;
}

/** The token in a token response (RFC 6749 §5.1), as in `jwtguard decode`; any other text as it is. */
function ofTokenResponse(text) {
  try {
    const members = JSON.parse(text);
    const found = [members?.access_token, members?.id_token].find((value) => typeof value === "string");
    return found ?? text;
  } catch {
    return text;
  }
}

/** A token as it is copied out of a header, a log or a mail: without the word in front, and in one line. */
function cleaned(text) {
  const bare = ofTokenResponse(text).trim().replace(/^["']|["']$/g, "").replace(/^(authorization\s*:\s*)?bearer\s+/i, "");
  return /^[\w\s.=-]*$/.test(bare) ? bare.replace(/\s+/g, "") : bare;
}

$("token").addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text/plain");
  const better = cleaned(text);
  const replacesAll = token.area.selectionEnd - token.area.selectionStart === token.value.length;
  if (better === text || !replacesAll) return;
  event.preventDefault();
  token.value = better;
  say("What does not belong to the token was left out.");
  soon(inspect);
});

for (const name of ["keyup", "click", "focus"]) {
  $("token").addEventListener(name, () => {
    const current = token.value.slice(0, token.area.selectionStart).split(".").length - 1;
    [...$("token-parts").children].forEach((place, index) => place.classList.toggle("current", index === current));
  });
}
$("token").addEventListener("blur", () => {
  for (const place of $("token-parts").children) place.classList.remove("current");
});

$("example").addEventListener("click", () => attempt(async () => {
  const made = await call("example");
  token.value = made.token;
  signing.usePair(made);
  check.usePublicKey(made.public);
  $("issuer").value = made.issuer;
  $("audience").value = made.audience;
  await inspect();
}));
$("clear").addEventListener("click", () => {
  token.value = "";
  token.area.focus();
  attempt(inspect);
});
$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(token.value);
  say("Copied.");
});
$("sign-now").addEventListener("click", () => attempt(() => sign()));
$("renew").addEventListener("click", () => attempt(() => sign({ renew: true })));
for (const id of ["skip", "pill"]) $(id).addEventListener("click", () => $("verdict").focus());

/** Once a second: count, and ask again when the token ends, and now and then. */
function tick() {
  tickDates();
  tickVerdict();
  const state = shown?.verdict.state;
  if (document.hidden || !shown || state === "empty" || shown.verdict.reason === "no_key") return;
  if (timer || underWay) return; // Only the latest call counts: asking now would give up an edit.
  const isOver = state === "accepted" && endsAt() !== null && endsAt() <= now();
  if (isOver || Date.now() - askedAt >= AGAIN) attempt(inspect);
}

attempt(async () => {
  await open();
  const start = await call("start");
  signing.offerAlgorithms(start.algorithms);
  if (start.guard) check.offerGuard(start.guard);
  if (token.value) await inspect(); // What a browser kept over a reload.
  setInterval(tick, 1000);
});
measure();
