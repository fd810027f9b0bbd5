// Dates and durations in words. The server's clock counts, since its guard decides; the page only carries it on.

let offset = 0;

/** Set our clock by the server's: seconds since the epoch. */
export const setClock = (now) => { offset = now - Date.now() / 1000; };

/** The time, in seconds since the epoch. */
export const now = () => Date.now() / 1000 + offset;

const UNITS = [["y", 31557600], ["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/** A duration by its two largest units: 4 min 30 s. */
export function duration(seconds) {
  let rest = Math.max(0, Math.floor(seconds));
  const parts = [];
  let first = UNITS.findIndex(([, size]) => rest >= size);
  if (first < 0) first = UNITS.length - 1;
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    if (count || !parts.length) parts.push(`${count} ${unit}`);
    rest -= count * size;
  }
  return parts.join(" ");
}

/** How far away a time is: in 4 min 30 s, or 2 h 5 min ago. */
export function fromNow(time) {
  const away = time - now();
  if (away <= 0 && away > -1) return "now";
  return away >= 0 ? `in ${duration(Math.ceil(away))}` : `${duration(-away)} ago`;
}

const DATE = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

/** A time as a date of this place. */
export const date = (time) => DATE.format(new Date(time * 1000));
