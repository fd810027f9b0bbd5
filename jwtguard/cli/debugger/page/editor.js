// A textarea whose text has colours: it is transparent, and a copy with the colours lies behind it.

import { element } from "./dom.js";

const MOST_COLOURED = 20_000; // Characters; a browser takes long to lay out more of them, twice.

/** Wraps the `.editor` with this id. `colour` turns a text into nodes; `onInput` hears what the user types. */
export class Editor {
  constructor(box, { colour, onInput }) {
    this.box = box;
    this.area = box.querySelector("textarea");
    this.mirror = box.querySelector(".mirror");
    this.colour = colour;
    this.area.addEventListener("input", () => {
      this.#paint();
      onInput(this.area.value);
    });
  }

  get value() { return this.area.value; }

  /** Set the text, unless it is there already: setting it would move the cursor. */
  set value(text) {
    if (this.area.value !== text) this.area.value = text;
    this.#paint();
  }

  get isBusy() { return document.activeElement === this.area; }

  #paint() {
    const text = this.area.value;
    const isLong = text.length > MOST_COLOURED;
    this.box.classList.toggle("uncoloured", isLong);
    // The last line break of a <pre> is not shown; a textarea shows it.
    this.mirror.replaceChildren(...(isLong ? [] : this.colour(text)), "\n");
  }
}

const PARTS = ["header", "payload", "signature"];

/** The three parts of a token in their colours, and what should not be there underlined. */
export function tokenColours(text) {
  return text.split(".").flatMap((part, index) => {
    const coloured = element("span", PARTS[index] ?? "extra", part);
    return index ? [element("span", "dot", "."), coloured] : [coloured];
  });
}

// A string (with the colon behind it, if it is a name), or punctuation.
const JSON_PIECE = /("(?:[^"\\]|\\.)*"?)(\s*:)?|[{}[\],:]/g;

/** JSON with its names bold and its punctuation soft. */
export function jsonColours(text) {
  const nodes = [];
  let end = 0;
  for (const piece of text.matchAll(JSON_PIECE)) {
    nodes.push(text.slice(end, piece.index));
    if (piece[1] === undefined) nodes.push(element("span", "mark", piece[0]));
    else if (piece[2] === undefined) nodes.push(piece[1]);
    else nodes.push(element("span", "name", piece[1]), element("span", "mark", piece[2]));
    end = piece.index + piece[0].length;
  }
  nodes.push(text.slice(end));
  return nodes;
}
