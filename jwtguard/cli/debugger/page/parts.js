// The three parts of a token in words: each member with what it means, dates as dates that count on.

import { $, element, isolated, problem, setText } from "./dom.js";
import { date, duration, fromNow, now } from "./times.js";

let dates = []; // What `tick` keeps up to date: {place, time, isEnd}.

/** Show the members of header and payload, and what is known of the signature. */
export function showParts(shown, { header, payload }) {
  dates = [];
  showPart("header", shown.header, header);
  showPart("payload", shown.payload, payload);
  setText($("signature"), shown.signature.text);
  setText($("signature-note"), signatureNote(shown.signature));
  problem("signature-problem", shown.signature.problem);
  tick();
}

function signatureNote({ text, problem: wrong, size, words }) {
  if (!text) return "There is none yet.";
  return wrong ? "" : `${size} bytes. ${words}`;
}

function showPart(name, part, editor) {
  if (!editor.isBusy) {
    editor.value = part.text;
    problem(`${name}-problem`, part.problem, editor.area);
  }
  const times = Object.fromEntries(part.members.filter(({ time }) => time !== null).map((each) => [each.name, each.time]));
  $(`${name}-members`).replaceChildren(...part.members.map((member) => row(member, times)));
}

function row({ name, value, title, words, time }, times) {
  const shown = element("dd", "value");
  if (time === null) {
    shown.append(isolated(value, "mono"));
  } else {
    const away = element("span", "away");
    shown.append(element("time", "", date(time)), " · ", away);
    shown.firstChild.dateTime = new Date(time * 1000).toISOString();
    dates.push({ place: away, time, isEnd: name === "exp" });
  }
  let sentence = words;
  if (name === "exp" && times.iat !== undefined && times.exp >= times.iat) {
    sentence += ` It was made for ${duration(times.exp - times.iat)}.`;
  }
  return element(
    "div", "", element("dt", "", isolated(name)), element("dd", "title", title), shown, element("dd", "words", sentence),
  );
}

/** Bring the distances of all dates up to date; once a second. */
export function tick() {
  for (const { place, time, isEnd } of dates) {
    setText(place, fromNow(time));
    place.classList.toggle("past", isEnd && time <= now());
  }
}
