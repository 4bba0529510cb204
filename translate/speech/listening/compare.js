// The systems side by side: a row for every sentence, a column for every system.
const rows = [];                                                    // of buttons
let at = [0, 0];                                                    // row and column in focus

function draw() {
  const head = make("tr", {}, make("th", { scope: "col", textContent: "sentence" }));
  content.systems.forEach((system, column) => {
    const key = column < 9 ? [make("kbd", { textContent: column + 1 }), " "] : [];
    head.append(make("th", { scope: "col" }, ...key, system));
  });
  const body = make("tbody");
  content.sentences.forEach((sentence, row) => {
    const line = make("tr", {}, make("th", { scope: "row", textContent: sentence.title }));
    rows.push(sentence.sounds.map((sound, column) => {
      const button = make("button", {
        type: "button", textContent: "▶", ariaLabel: `${content.systems[column]}: ${sentence.title}`,
        title: `gain ${sound.gain >= 0 ? "+" : ""}${sound.gain} dB`, onclick: () => play(sound.file, button),
        onfocus: () => { at = [row, column]; },
      });
      line.append(make("td", {}, button));
      return button;
    }));
    body.append(line);
  });
  root.replaceChildren(
    make("h1", { textContent: "Systems side by side" }),
    make("p", { className: "note" },
      `Every sound is at ${content.loudness} LKFS (ITU-R BS.1770). Keys: `,
      make("kbd", { textContent: "arrows" }), " move, ", make("kbd", { textContent: "space" }), " plays and stops, ",
      make("kbd", { textContent: "1" }), " to ", make("kbd", { textContent: "9" }),
      " play a system of the same sentence, ", make("kbd", { textContent: "esc" }), " stops."),
    make("div", { className: "scroll" }, make("table", {}, make("thead", {}, head), body)),
  );
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    stop();
  } else if (event.key in MOVES) {
    event.preventDefault();
    const [down, right] = MOVES[event.key];
    const row = Math.min(Math.max(at[0] + down, 0), rows.length - 1);
    rows[row][Math.min(Math.max(at[1] + right, 0), rows[row].length - 1)].focus();
  } else if (event.key >= "1" && event.key <= "9" && Number(event.key) <= content.systems.length) {
    const button = rows[at[0]][Number(event.key) - 1];
    button.focus();
    button.click();
  }
});

draw();
