'use strict';
// Feeds terminals and says what is on them, for tests/xterm_terminal.py. One job a line on stdin, one answer a line
// on stdout: {cols, rows, pieces: [base64 …]} → [state after each piece …].

const readline = require('node:readline');
const { Terminal } = require('@xterm/headless');

const UNSET = 0x3ffffff;
const SCREENS = ['normal', 'alternate'];

function write(terminal, bytes) {
  return new Promise((done) => terminal.write(bytes, done));
}

// Below 16 a colour can be asked for in two ways that look the same.
function colour(cell, part) {
  if (cell[`is${part}RGB`]()) return `#${cell[`get${part}Color`]().toString(16).padStart(6, '0')}`;
  return cell[`is${part}Palette`]() ? String(cell[`get${part}Color`]()) : '';
}

function underline(cell) {
  const style = cell.getUnderlineStyle();
  if (!style) return '';
  // SGR 59 leaves -1, which its own test for the default does not know.
  if (!cell.hasExtendedAttrs() || cell.isUnderlineColorDefault() || cell.extended.underlineColor === UNSET) return `u${style}`;
  const value = cell.getUnderlineColor();
  return `u${style}:${cell.isUnderlineColorRGB() ? `#${value.toString(16).padStart(6, '0')}` : value}`;
}

function look(terminal, cell) {
  const flags = [
    cell.isBold() ? 'b' : '', cell.isDim() ? 'd' : '', cell.isItalic() ? 'i' : '', underline(cell),
    cell.isBlink() ? 'k' : '', cell.isInverse() ? 'r' : '', cell.isInvisible() ? 'h' : '',
    cell.isStrikethrough() ? 's' : '', cell.isOverline() ? 'o' : '', cell.isProtected?.() ? 'p' : '',
  ].join('');
  return [colour(cell, 'Fg'), colour(cell, 'Bg'), flags];
}

function rows(terminal, buffer) {
  const found = [];
  for (let y = 0; y < terminal.rows; y++) {
    const line = buffer.getLine(buffer.baseY + y);
    const cells = [];
    for (let x = 0; x < terminal.cols; x++) {
      const cell = line.getCell(x);
      cells.push([cell.getChars() || ' ', cell.getWidth(), ...look(terminal, cell)]);
    }
    found.push(cells);
  }
  return found;
}

function attributes(terminal, data) {
  const cell = terminal.buffer.active.getNullCell();
  cell.fg = data.fg;
  cell.bg = data.bg;
  cell.extended = data.extended;
  return look(terminal, cell);
}

function charsets(service) {
  // Mapping to ASCII and having no mapping are one.
  return [0, 1, 2, 3].map((n) => (service._charsets[n] ? service._charsets[n]['q'] || '' : ''));
}

function saved(terminal, buffer) {
  return {
    x: buffer.savedX,
    y: Math.max(0, buffer.savedY - buffer.ybase),
    look: attributes(terminal, buffer.savedCurAttrData),
    charset: buffer.savedCharset ? buffer.savedCharset['q'] || '' : '',
  };
}

function state(terminal, titles) {
  const core = terminal._core;
  const active = terminal.buffer.active;
  const shown = active.type;
  const found = {
    shown,
    cursor: [active.cursorX, active.cursorY, !core.coreService.isCursorHidden],
    modes: { ...terminal.modes, ...core.coreService.decPrivateModes },
    newline: core.optionsService.rawOptions.convertEol,
    mouse: [core.coreMouseService.activeProtocol, core.coreMouseService.activeEncoding],
    pen: attributes(terminal, core._inputHandler._curAttrData),
    charsets: charsets(core._charsetService),
    level: core._charsetService.glevel,
    title: titles.at(-1) ?? null,
    screens: {},
  };
  for (const name of SCREENS) {
    if (name === 'alternate' && shown !== 'alternate') continue;
    const inner = core.buffers[name === 'normal' ? 'normal' : 'alt'];
    found.screens[name] = {
      rows: rows(terminal, terminal.buffer[name]),
      wrapped: Array.from({ length: terminal.rows }, (_, y) => terminal.buffer[name].getLine(y).isWrapped),
      region: [inner.scrollTop, inner.scrollBottom],
      // Column 0 needs no stop.
      tabs: Object.keys(inner.tabs).map(Number).filter((x) => inner.tabs[x] && x > 0 && x < terminal.cols),
      saved: saved(terminal, inner),
    };
  }
  return found;
}

async function run(job) {
  const terminal = new Terminal({ cols: job.cols, rows: job.rows, scrollback: 0, allowProposedApi: true });
  const titles = [];
  terminal.onTitleChange((title) => titles.push(title));
  const states = [];
  for (const piece of job.pieces) {
    await write(terminal, Buffer.from(piece, 'base64'));
    states.push(state(terminal, titles));
  }
  terminal.dispose();
  return states;
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await run(JSON.parse(line)))}\n`);
  }
}

main();
