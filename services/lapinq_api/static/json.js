// Parses JSON text into a tree that keeps what JSON.parse would lose: the order of keys, and numbers as written. A value has
// a kind, its text (strings without needless escapes), and its entries.

const SCALAR = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|true|false|null/y;
const SPACE = /[ \t\r\n]*/y;
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const DEEPEST = 200;

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  space() {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
  }

  take(mark) {
    this.space();
    if (this.text[this.at] !== mark) return false;
    this.at += 1;
    return true;
  }

  scalar() {
    SCALAR.lastIndex = this.at;
    const found = SCALAR.exec(this.text);
    if (!found) throw new SyntaxError("no JSON");
    this.at = SCALAR.lastIndex;
    return found[0];
  }

  value(depth = 0) {
    if (depth > DEEPEST) throw new RangeError("too deep");
    if (this.take("{")) return { kind: "object", entries: this.entries("}", depth, true) };
    if (this.take("[")) return { kind: "array", entries: this.entries("]", depth, false) };
    const text = this.scalar();
    if (text[0] === '"') return { kind: "string", text: plain(text) };
    return { kind: /^[tfn]/.test(text) ? "word" : "number", text };
  }

  entries(end, depth, isNamed) {
    const found = [];
    if (this.take(end)) return found;
    do {
      this.space();
      const key = isNamed ? plain(this.scalar()) : String(found.length);
      if (isNamed && !this.take(":")) throw new SyntaxError("no JSON");
      found.push([key, this.value(depth + 1)]);
    } while (this.take(","));
    if (!this.take(end)) throw new SyntaxError("no JSON");
    return found;
  }
}

// The string without needless escapes.
function plain(text) {
  return visible(text.includes("\\") ? JSON.stringify(JSON.parse(text)) : text);
}

// Characters that change the direction of text as escapes: they are invisible and reorder what follows.
export function visible(text) {
  return text.replace(DIRECTIONS, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// The value of `text`; null if it isn't JSON or is nested too deeply.
export function read(text) {
  try {
    return new Reader(text).value();
  } catch {
    return null;
  }
}
