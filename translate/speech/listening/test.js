// A blind test. What the sounds are is in key.json, which this page does not read.
const STORE = `translate-listening:${content.page}`;
const SCALE = ["bad", "poor", "fair", "good", "excellent"];
const SAME = ["another speaker, surely", "another, perhaps", "not sure", "the same, perhaps", "the same, surely"];
const number = (labels) => labels.map((label, place) => ({ value: String(place + 1), key: String(place + 1), label }));
const QUESTIONS = {
  x: { title: "Which of the two is X?",
       choices: [{ value: "A", key: "1", label: "X is A" }, { value: "B", key: "2", label: "X is B" }] },
  naturalness: { title: "How natural does the sound seem, as if a person spoke?", choices: number(SCALE) },
  similarity: { title: "Is it the speaker of the reference?", choices: number(SAME) },
};
const ROLES = {
  abx: { a: ["A", "a"], b: ["B", "b"], x: ["X", "x"] },
  mos: { sound: ["Sound", "s"], reference: ["Reference", "r"] },
};

let state = { listener: "", answers: {} };                          // answers by trial and question
let order = [];
let place = 0;                                                      // in `order`
let active = 0;                                                     // question that digits answer
let heard = new Set();
let buttons = {};                                                   // of sounds, by role

const askOf = (trial) => trial.test === "abx" ? ["x"] : trial.reference ? ["naturalness", "similarity"] : ["naturalness"];
const rolesOf = (trial) => Object.keys(ROLES[trial.test]).filter((role) => trial[role]);
const answersOf = (trial) => state.answers[trial.id] || {};
const isDone = (trial) => askOf(trial).every((question) => question in answersOf(trial));
const isHeard = (trial) => isDone(trial) || rolesOf(trial).every((role) => heard.has(role));

function load() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORE));
    if (stored && typeof stored.listener === "string" && typeof stored.answers === "object") state = stored;
  } catch { /* nothing that can be read: begin anew */ }
}

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify(state));
  } catch {
    report("This browser keeps no answers: do not close the page before you have saved them.");
  }
}

// Every listener hears the trials of each test in an order of their own, the same after the page is opened again.
function shuffle(trials, name) {
  let seed = 2166136261;
  for (const letter of content.page + name) seed = Math.imul(seed ^ letter.codePointAt(0), 16777619) >>> 0;
  const random = () => {                                            // mulberry32
    seed = (seed + 0x6d2b79f5) >>> 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const mixed = [...trials];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other], mixed[last]];
  }
  return mixed;
}

function begin() {
  order = ["abx", "mos"].flatMap((test) => shuffle(content.trials.filter((trial) => trial.test === test), state.listener));
  const open = order.findIndex((trial) => !isDone(trial));
  go(open < 0 ? order.length : open);
}

function go(to) {
  stop();
  [place, active, heard] = [to, 0, new Set()];
  if (place < order.length) rolesOf(order[place]).forEach((role) => fetchSound(fileOf(order[place], role)).load());
  draw();
}

const fileOf = (trial, role) => `audio/${trial[role]}.wav`;

function listen(role) {
  heard.add(role);
  draw();
  play(fileOf(order[place], role), buttons[role]);
}

function answer(question, value) {
  const trial = order[place];
  if (!isHeard(trial)) return;
  state.answers[trial.id] = { ...answersOf(trial), [question]: value };
  keep();
  const next = askOf(trial).findIndex((one) => !(one in answersOf(trial)));
  active = next < 0 ? askOf(trial).indexOf(question) : next;
  draw();
}

function save() {
  const lines = ["page,listener,trial,test,question,answer"];
  for (const trial of order) {
    for (const [question, value] of Object.entries(answersOf(trial))) {
      lines.push([content.page, state.listener, trial.id, trial.test, question, value].join(","));
    }
  }
  const link = make("a", {
    href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" })),
    download: `answers-${content.page}-${state.listener}.csv`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function drawStart() {
  const count = (test) => content.trials.filter((trial) => trial.test === test).length;
  const name = make("input", { id: "listener", autocomplete: "off", maxLength: 40 });
  const start = (event) => {
    event.preventDefault();
    const clean = name.value.trim().replace(/[^\p{L}\p{N}_-]+/gu, "_");
    if (!clean) return name.focus();
    state = { listener: clean, answers: {} };
    keep();
    begin();
  };
  const parts = [[count("abx"), "trials: which of two sounds is a third one"], [count("mos"), "sounds to rate"]];
  root.replaceChildren(
    make("h1", { textContent: "Listening test" }),
    make("p", { textContent: "Wear headphones in a quiet room, and leave the volume as it is once you have begun." }),
    make("ul", {}, ...parts.filter(([n]) => n).map(([n, text]) => make("li", { textContent: `${n} ${text}` }))),
    make("form", { className: "row", onsubmit: start },
      make("label", { htmlFor: "listener", textContent: "Your name or a code:" }), name,
      make("button", { className: "main", textContent: "Start" })),
    make("p", { className: "note", textContent: "Answers stay in this browser until you save them as a file; you may "
      + "close the page and go on later." }),
  );
  name.focus();
}

function drawFoot() {
  const again = () => {
    if (!confirm("Forget all answers on this page, for another listener? Save them first.")) return;
    state = { listener: "", answers: {} };
    keep();
    stop();
    drawStart();
  };
  return make("div", { className: "row foot" },
    make("span", { className: "note", textContent: `Listener: ${state.listener}` }),
    make("span", { className: "row" },
      make("button", { id: "save", textContent: "Save answers", onclick: save }),
      make("button", { id: "again", textContent: "Another listener", onclick: again })));
}

function drawQuestion(trial, question, at) {
  const { title, choices } = QUESTIONS[question];
  const options = choices.map(({ value, key, label }) => {
    const pressed = String(answersOf(trial)[question] === value);
    return make("button", {
      dataset: { question, value }, disabled: !isHeard(trial), ariaPressed: pressed,
      onclick: () => answer(question, value),
    }, make("kbd", { textContent: key }), ` ${label}`);
  });
  return make("section", { className: at === active ? "question active" : "question" },
    make("h2", { textContent: title }), make("div", { className: "row" }, ...options));
}

// Drawing makes all buttons anew: the one that had the focus keeps it.
function draw() {
  const { id, dataset } = document.activeElement;
  drawTrial();
  const same = [...root.querySelectorAll("button")].find((button) => (id && button.id === id)
    || (dataset.role && button.dataset.role === dataset.role)
    || (dataset.value && button.dataset.question === dataset.question && button.dataset.value === dataset.value));
  if (same) same.focus();
}

function drawTrial() {
  if (!state.listener) return drawStart();
  const header = make("progress", { max: order.length, value: order.filter(isDone).length, ariaLabel: "answered" });
  if (place >= order.length) {
    root.replaceChildren(make("h1", { textContent: "Thank you" }), header,
      make("p", { textContent: "All is answered. Save the answers and send the file back." }), drawFoot());
    return;
  }
  const trial = order[place];
  buttons = {};
  for (const role of rolesOf(trial)) {
    const [title, key] = ROLES[trial.test][role];
    buttons[role] = make("button", { dataset: { role }, onclick: () => listen(role) },
      `${heard.has(role) ? "✓" : "▶"} ${title} `, make("kbd", { textContent: key }));
  }
  if (playing !== null) {                                           // goes on in the new button
    const role = rolesOf(trial).find((one) => sounds.get(fileOf(trial, one)) === playing.audio);
    playing.button = buttons[role];
    buttons[role].classList.add("playing");
  }
  root.replaceChildren(
    make("h1", { textContent: `${place + 1} of ${order.length}` }), header,
    make("h2", { textContent: "Listen to all of them, as often as you like" }),
    make("div", { className: "row sounds" }, ...Object.values(buttons)),
    ...askOf(trial).map((question, at) => drawQuestion(trial, question, at)),
    make("p", { className: "row" },
      make("button", { id: "back", textContent: "Back", disabled: place === 0, onclick: () => go(place - 1) }),
      make("button", { id: "next", className: "main", disabled: !isDone(trial), onclick: () => go(place + 1) },
        "Next ", make("kbd", { textContent: "enter" }))),
    drawFoot(),
  );
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !state.listener || place >= order.length) return;
  const trial = order[place];
  const key = event.key.toLowerCase();
  const role = rolesOf(trial).find((one) => ROLES[trial.test][one][1] === key);
  const question = askOf(trial)[active];
  const choice = QUESTIONS[question].choices.find((one) => one.key === key);
  if (role) listen(role);
  else if (choice) answer(question, choice.value);
  else if (key === "escape") stop();
  else if (key === "arrowup" || key === "arrowdown") {
    active = Math.min(Math.max(active + (key === "arrowup" ? -1 : 1), 0), askOf(trial).length - 1);
    draw();
  } else if (key === "enter" && isDone(trial)) go(place + 1);
  else return;
  event.preventDefault();
});

load();
if (state.listener) begin();
else draw();
