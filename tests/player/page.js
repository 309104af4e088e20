'use strict';
// Plays CASTS one after the other with asciinema-player, and sends what the last screens show to tests/browser_player.py:
// of each, rows of cells [text, colour, background, classes]. Where a shape was drawn there is no text.

const HEIGHT = 24;
const WIDTH = 8;

function ended(player) {
  return new Promise((done, fail) => {
    player.addEventListener('ended', done);
    player.addEventListener('error', (error) => fail(new Error(JSON.stringify(error))));
  });
}

function drawn() {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

function background(pixels) {
  const [red, green, blue, alpha] = pixels;
  return alpha ? `rgb(${red}, ${green}, ${blue})` : '';
}

function cells(terminal) {
  const canvas = terminal.querySelector('canvas');
  const context = canvas.getContext('2d');
  const symbols = [...terminal.querySelectorAll('.ap-symbol-line')];
  return [...terminal.querySelectorAll('.ap-line')].map((line, y) => {
    const row = Array.from({ length: canvas.width / WIDTH }, (_, x) => [
      ' ', '', background(context.getImageData(x * WIDTH, y * HEIGHT, 1, 1).data), '',
    ]);
    for (const span of line.children) {
      let x = Number(span.style.getPropertyValue('--offset'));
      for (const text of span.textContent) row[x++].splice(0, 2, text, span.style.color), (row[x - 1][3] = span.className.trim());
    }
    for (const use of symbols[y].children) {
      const x = Math.round(Number(use.getAttribute('x')) + 0.1);
      row[x].splice(0, 2, String.fromCodePoint(Number(use.getAttribute('href').slice(5))), use.style.color);
    }
    return row;
  });
}

async function play(cast) {
  const element = document.body.appendChild(document.createElement('div'));
  const bytes = Uint8Array.from(atob(cast), (character) => character.charCodeAt(0));
  const player = AsciinemaPlayer.create({ data: () => new Response(new Blob([bytes])) }, element, {
    autoPlay: true, speed: 10000, idleTimeLimit: 0.001, controls: false, cursorMode: 'hidden', theme: 'test',
  });
  await ended(player);
  await drawn();
  const found = cells(element.querySelector('.ap-term'));
  player.dispose();
  element.remove();
  return found;
}

async function main() {
  const found = [];
  for (const cast of CASTS) found.push(await play(cast).catch((error) => String(error)));
  await fetch('/', { method: 'POST', body: JSON.stringify(found) });
}

main();
