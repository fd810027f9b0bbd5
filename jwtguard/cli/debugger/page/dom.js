// The few things that every other file does with the document. Text goes in as text: nothing here makes markup of it.

export const $ = (id) => document.getElementById(id);

/** An element of this name and class, holding text or other elements. */
export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** A value that may hold letters of both directions, kept from turning around what stands beside it. */
export const isolated = (text, className) => element("bdi", className, text);

/** Show a sentence in an element, or hide the element where there is none; and mark the field that it is about. */
export function problem(id, sentence, field) {
  const place = $(id);
  place.hidden = !sentence;
  setText(place, sentence ? sentence[0].toUpperCase() + sentence.slice(1) : "");
  if (field) field.setAttribute("aria-invalid", String(Boolean(sentence)));
}

/** Set a text only where it changes, for a screen reader says what is set. */
export function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** Say something to who cannot see that it happened. */
export const say = (sentence) => setText($("said"), sentence);
