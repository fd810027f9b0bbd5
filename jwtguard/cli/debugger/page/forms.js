// What to check a token against, and what to sign an edited one with. Keys live in these fields and nowhere else.

import { $, problem, say, setText } from "./dom.js";
import { call } from "./calls.js";

const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const choose = (name, value) => { document.querySelector(`input[name="${name}"][value="${value}"]`).checked = true; };

function showOnly(attribute, value) {
  for (const panel of document.querySelectorAll(`[data-${attribute}]`)) {
    panel.hidden = panel.dataset[attribute] !== value;
  }
}

/** “Check it against”. `onChange` hears of every change that can change the verdict. */
export class CheckForm {
  constructor(onChange) {
    this.onChange = onChange;
    this.fetched = "";
    for (const id of ["secret", "public-key", "jwks", "issuer", "audience"]) $(id).addEventListener("input", onChange);
    $("secret-base64url").addEventListener("change", onChange);
    for (const radio of document.getElementsByName("check")) {
      radio.addEventListener("change", () => { this.#arrange(); onChange(); });
    }
    $("show-secret").addEventListener("click", () => this.#toggleSecret());
    $("make-secret").addEventListener("click", async () => {
      $("secret").value = (await call("generate", { algorithm: "HS256" })).secret;
      $("secret-base64url").checked = false;
      say("A random secret was made.");
      onChange();
    });
    $("fetch").addEventListener("click", () => this.#fetch());
    $("jwks-url").addEventListener("keydown", (event) => { if (event.key === "Enter") this.#fetch(); });
    this.#arrange();
  }

  /** Offer the guard that the program was started with. */
  offerGuard({ name, summary }) {
    $("tab-guard").hidden = false;
    setText($("guard-name"), name);
    setText($("guard-summary"), summary);
    choose("check", "guard");
    this.#arrange();
  }

  /** Check against this public key from now on. */
  usePublicKey(text) {
    $("public-key").value = text;
    choose("check", "public");
    this.#arrange();
  }

  /** Whether there is nothing yet to check against. */
  get isEmpty() {
    const { kind, key, address } = this.value;
    return kind !== "guard" && !key.trim() && !address;
  }

  get secret() { return { kind: "secret", key: $("secret").value, is_base64url: $("secret-base64url").checked }; }

  /** What an inspection is told. */
  get value() {
    const kind = chosen("check");
    const key = { guard: "", secret: $("secret").value, public: $("public-key").value, jwks: $("jwks").value }[kind];
    return {
      ...this.secret,
      kind,
      key,
      address: kind === "jwks" ? this.fetched : "",
      issuer: $("issuer").value,
      audience: $("audience").value,
    };
  }

  showProblem(sentence) {
    problem("check-problem", sentence, { secret: $("secret"), public: $("public-key"), jwks: $("jwks") }[chosen("check")]);
  }

  #arrange() {
    const kind = chosen("check");
    showOnly("panel", kind);
    $("expectations").hidden = kind === "guard";
  }

  #toggleSecret() {
    const isShown = $("secret").type === "password";
    $("secret").type = isShown ? "text" : "password";
    $("show-secret").setAttribute("aria-pressed", String(isShown));
  }

  async #fetch() {
    const address = $("jwks-url").value.trim();
    if (!address) return $("jwks-url").focus();
    $("fetch").disabled = true;
    setText($("jwks-note"), "Fetching…");
    try {
      const answer = await call("fetch", { address });
      this.fetched = answer.keys ? address : "";
      const names = (answer.keys ?? []).map(({ kid, algorithm }) => `${kid ?? "without kid"} (${algorithm})`);
      setText($("jwks-note"), answer.problem ?? `Fetched ${names.length === 1 ? "one key" : `${names.length} keys`}: ${names.join(", ")}.`);
      if (answer.keys) $("jwks").value = "";
    } finally {
      $("fetch").disabled = false;
    }
    say($("jwks-note").textContent);
    this.onChange();
  }
}

/** “Sign again”. `onChange` hears when there is another key to sign with. */
export class SignForm {
  constructor({ check, onChange, onUsePublic }) {
    this.check = check;
    this.pair = null;
    this.onChange = onChange;
    for (const radio of document.getElementsByName("sign")) {
      radio.addEventListener("change", async () => {
        this.#arrange();
        if (chosen("sign") === "generated" && this.pair === null) await this.generate();
        else onChange();
      });
    }
    $("private-key").addEventListener("input", onChange);
    $("allow-short").addEventListener("change", onChange);
    $("algorithm").addEventListener("change", () => this.generate());
    $("generate").addEventListener("click", () => this.generate());
    $("use-public").addEventListener("click", () => { onUsePublic(this.pair.public); say("It is checked against this key now."); });
    $("download-public").addEventListener("click", () => download("public.jwk.json", "application/jwk+json", this.pair.public));
    $("download-private").addEventListener("click", () => download("private.pem", "application/x-pem-file", this.pair.private_pem));
  }

  offerAlgorithms(names) {
    $("algorithm").replaceChildren(...names.map((name) => new Option(name, name)));
  }

  async generate() {
    this.usePair(await call("generate", { algorithm: $("algorithm").value }));
    say("A key pair was made.");
    this.onChange();
  }

  /** Sign with this key pair from now on. */
  usePair(pair) {
    this.pair = pair;
    $("generated").hidden = false;
    setText($("generated-public"), pair.public);
    choose("sign", "generated");
    this.#arrange();
  }

  get hasKey() { return Boolean(this.value.key.trim()); }

  /** What `sign` is told. */
  get value() {
    const kind = chosen("sign");
    if (kind === "secret") return { ...this.check.secret, allow_short: $("allow-short").checked };
    if (kind === "generated") return { kind: "private", key: this.pair?.private ?? "" };
    return { kind, key: kind === "private" ? $("private-key").value : "" };
  }

  showProblem(sentence) { problem("sign-problem", sentence, $("private-key")); }

  #arrange() { showOnly("signing", chosen("sign")); }
}

function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
