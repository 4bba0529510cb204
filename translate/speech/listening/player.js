"use strict";

const content = JSON.parse(document.getElementById("content").textContent);
const root = document.getElementById("page");
const sounds = new Map();                                           // Audio by file
let playing = null;                                                 // {audio, button}

function make(tag, properties = {}, ...children) {
  const { dataset, ...others } = properties;
  const element = Object.assign(document.createElement(tag), others);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

function report(text) {
  const fault = document.getElementById("fault");
  fault.textContent = text;
  fault.hidden = false;
}

function fetchSound(file) {
  if (!sounds.has(file)) {
    const audio = new Audio(file);
    audio.addEventListener("error", () => report(`${file} cannot be played: keep the folder audio beside this page.`));
    sounds.set(file, audio);
  }
  return sounds.get(file);
}

function stop() {
  if (playing === null) return;
  playing.audio.pause();
  playing.button.classList.remove("playing");
  playing = null;
}

function play(file, button) {
  const again = playing !== null && playing.button === button;
  stop();
  if (again) return;
  const audio = fetchSound(file);
  playing = { audio, button };
  button.classList.add("playing");
  audio.currentTime = 0;
  audio.onended = stop;
  audio.play().catch(() => {});                                     // stopped at once, or told by "error"
}

