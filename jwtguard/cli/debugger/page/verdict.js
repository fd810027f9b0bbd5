// The verdict: taken, refused and why, or that nobody can tell; the steps that led to it; and the time that is left.

import { $, element, isolated, setText } from "./dom.js";
import { duration, now } from "./times.js";

const TITLES = { empty: "No token yet", accepted: "Accepted", refused: "Refused", unknown: "Not verified" };
const MARKS = { passed: "passed", failed: "failed" };
const SAID = { passed: "passed", failed: "failed", "not reached": "not reached", skipped: "not asked" };

let life = null; // {from, until} of the token that is shown, in seconds since the epoch.

/** Show the verdict of an inspection. */
export function showVerdict({ verdict, payload }) {
  const { state, steps } = verdict;
  $("verdict").dataset.state = state;
  setText($("verdict-title"), TITLES[state]);
  setText($("verdict-sentence"), sentence(verdict));
  $("welcome").hidden = state !== "empty";
  $("reason").hidden = !["refused", "unknown"].includes(state) || verdict.reason === "no_key";
  setText($("reason-word"), verdict.reason);
  $("remedy").hidden = !verdict.remedy;
  setText($("remedy-text"), verdict.remedy);
  showEvidence(steps.find(({ outcome }) => outcome === "failed") ?? {});
  showSteps(steps);
  showPill(verdict);
  const times = Object.fromEntries(payload.members.map(({ name, time }) => [name, time]));
  life = times.exp === undefined || times.exp === null ? null : { from: times.iat ?? null, until: times.exp };
  tick();
}

function sentence({ state, sentence: said, unchecked }) {
  if (state === "empty") return "Paste one, or look at the example.";
  if (state !== "accepted") return said;
  const open = unchecked.join(" and the ");
  return open
    ? `The signature fits and the times are right. The ${open} ${unchecked.length > 1 ? "were" : "was"} not checked: say what you expect, too.`
    : "The signature fits, the times are right, and issuer and audience are the expected ones.";
}

let shownEvidence = "";

function showEvidence({ expected = "", found = "" }) {
  // Not filled anew with the same, for a screen reader would say it again.
  const text = JSON.stringify([expected, found]);
  if (text === shownEvidence) return;
  shownEvidence = text;
  evidence($("evidence"), { expected, found });
}

function showPill({ state, reason }) {
  const pill = $("pill");
  pill.hidden = state === "empty";
  pill.dataset.state = state;
  const why = state === "refused" ? `: ${reason}` : "";
  pill.replaceChildren(TITLES[state], element("span", "pill-reason", why));
  pill.setAttribute("aria-label", `${TITLES[state]}${why}. Go to the verdict`);
}

function showSteps(steps) {
  $("steps-details").hidden = !steps.length;
  const failed = steps.find(({ outcome }) => outcome === "failed");
  setText($("steps-summary"), failed ? `failed at ${failed.number}, ${failed.title}` : count(steps));
  $("steps").replaceChildren(...steps.map(stepRow));
}

function count(steps) {
  const outcomes = steps.map(({ outcome }) => outcome);
  return [...new Set(outcomes)].map((each) => `${outcomes.filter((other) => other === each).length} ${SAID[each]}`).join(", ");
}

function stepRow({ number, title, rfc, outcome, expected, found }) {
  const mark = element("span", "mark");
  mark.setAttribute("aria-hidden", "true");
    const heading = element("span", "step-title", element("b", "", `${number}. ${title}`), element("span", "hidden", ` ${SAID[outcome]}`));
  const row = element("li", MARKS[outcome] ?? "waiting", mark, heading, element("span", "rfc", rfc));
  if (outcome === "failed") row.append(evidence(element("dl", "evidence"), { expected, found }));
  else if (found) row.append(isolated(found, "found"));
  return row;
}

/** Fill a list with what was expected and what was found. */
function evidence(list, { expected, found }) {
  const said = [["Expected", expected], ["Found", found]].filter(([, text]) => text);
  list.replaceChildren(...said.flatMap(([label, text]) => [element("dt", "", label), element("dd", "", isolated(text))]));
  list.hidden = !said.length;
  return list;
}

/** Bring the countdown up to date; once a second. */
export function tick() {
  const line = $("time-left");
  const bar = $("life");
  line.hidden = life === null;
  bar.hidden = life === null || life.from === null || life.until <= life.from;
  if (life === null) return;
  const left = life.until - now();
  setText(line, left > 0 ? `Expires in ${duration(Math.ceil(left))}` : `Expired ${duration(-left)} ago`);
  const whole = life.until - (life.from ?? 0);
  bar.firstElementChild.style.inlineSize = `${Math.min(100, Math.max(0, (left / whole) * 100))}%`;
}

/** When the verdict can change by itself: the second in which the token ends, if that is still to come. */
export const endsAt = () => (life === null ? null : life.until);
