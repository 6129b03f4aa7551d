// The page: which face is chosen, which panel is open, and what the buttons do.

import * as api from "./api.js";
import { Library } from "./library.js";
import { LiveSession } from "./live.js";
import { lookAround } from "./ninja.js";
import { Recording, save } from "./recorder.js";
import { RigEditor } from "./rig.js";

const $ = (id) => document.getElementById(id);
const STAGES = {
  starting: "Waking the workers", storing: "Taking it in", locating: "Looking for the face",
  "warming up": "Learning to speak", rendering: "Rendering",
};
/** Milliseconds after which a hidden tab lets its face sleep. */
const HIDDEN = 30_000;

const state = { faces: [], face: null, live: null, opening: null, speeches: [], render: null, job: null, say: true, recording: null };
const rig = new RigEditor($("rig"), showChanges);
const library = new Library($("videos"), $("speeches"), {
  attempt, play: (render) => showVideo(render.id), use: (speech) => { $("render-speech").value = speech.id; $("words").value = ""; },
});

// ---- small things

let toastTimer;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 7000);
}

/** Runs something; a failure becomes a toast. */
async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    if (error.status === 429 && /live already/.test(error.detail)) await offerToClose();
    else toast(error.message);
    return undefined;
  }
}

const on = (id, event, action) => $(id).addEventListener(event, (given) => attempt(() => action(given)));

function busy(button, waiting) {
  button.disabled = waiting;
  button.toggleAttribute("aria-busy", waiting);
}

// ---- faces

async function loadFaces() {
  state.faces = await api.avatars.list();
  drawGallery();
}

function drawGallery() {
  $("faces").replaceChildren(...[...state.faces].reverse().map((face) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.title = face.name;
    button.setAttribute("aria-label", `${face.name}, ${face.status.replace("_", " ")}`);
    button.setAttribute("aria-current", String(face.id === state.face?.id));
    const picture = document.createElement("img");
    picture.src = api.avatars.thumbnail(face.id);
    picture.alt = "";
    const dot = document.createElement("span");
    dot.className = `dot ${face.status}`;
    button.append(picture, dot);
    button.addEventListener("click", () => attempt(() => choose(face.id)));
    item.append(button);
    return item;
  }));
}

function showView(view) {
  document.body.dataset.view = view;
  $("welcome").hidden = view !== "welcome";
  $("work").hidden = view !== "work";
}

async function upload(file) {
  if (!file) return;
  showView("welcome");
  const abort = new AbortController();
  $("upload").hidden = false;
  $("choose").hidden = true;
  $("upload-cancel").onclick = () => abort.abort();
  try {
    await begin(api.avatars.upload(file, {
      signal: abort.signal,
      onProgress: (share) => {
        $("upload-bar").value = share;
        $("upload-text").textContent = share < 1 ? `Sending it, ${Math.round(100 * share)} %` : "Having a look";
      },
    }));
  } finally {
    $("upload").hidden = true;
    $("choose").hidden = false;
  }
}

/** Goes on with a new face: shows it and prepares it. */
async function begin(made) {
  const face = await made;
  await loadFaces();
  await choose(face.id);
  await prepare();
}

async function loadSamples() {
  const list = await api.samples.list();
  $("samples").hidden = list.length === 0;
  $("samples").querySelector("ul").replaceChildren(...list.map(({ id, name }) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const picture = document.createElement("img");
    button.type = "button";
    picture.src = api.samples.picture(id);
    picture.alt = name;
    button.append(picture);
    button.addEventListener("click", () => attempt(async () => {
      busy(button, true);
      try { await begin(api.samples.use(id)); } finally { busy(button, false); }
    }));
    item.append(button);
    return item;
  }));
}

async function loadVoices() {
  const { language } = navigator;
  const list = await api.voices();
  const fitting = list.find(({ id }) => id === language.toLowerCase()) ?? list.find(({ id }) => id === language.slice(0, 2)) ?? list.find(({ id }) => id.startsWith("en"));
  $("voice").replaceChildren(...list.map(({ id, name }) => new Option(name, id, false, id === fitting?.id)));
}

const spoken = (text) => api.speech.say({
  text, voice: $("voice").value || "en", speed: Number($("speed").value), pitch: Number($("pitch").value),
});

async function choose(id, tab) {
  closeLive();
  state.face = await api.avatars.get(id);
  showView("work");
  $("preview").src = api.avatars.preview(id);
  $("preview").alt = `Preview of ${state.face.name}`;
  $("face-name").value = state.face.name;
  $("result").hidden = true;
  drawGallery();
  await openTab(state.face.status === "needs_points" ? "rig" : TABS.includes(tab) ? tab : "talk");
  if (state.face.status === "preparing" && state.face.job) followPrepare(state.face.job);
}

function showStage() {
  const ready = state.face?.status === "ready";
  const editing = !$("panel-rig").hidden;
  $("rig").toggleAttribute("hidden", !editing);
  $("wake").hidden = !ready || editing || state.live !== null;
  $("preview").hidden = editing || state.live !== null;
  const surface = state.live?.surface;
  $("video").hidden = editing || surface !== $("video");
  $("canvas").hidden = editing || surface !== $("canvas");
  $("record").hidden = editing || surface !== $("video");
  $("screen").classList.toggle("is-live", state.live !== null && !editing);
  for (const name of ["say", "play-file", "microphone"]) $(name).disabled = !ready;
  $("say").disabled = !ready || !state.say;
  const hasSpeech = state.speeches.length > 0 || (state.say && $("words").value.trim() !== "");
  $("render").disabled = !ready || !hasSpeech || state.render !== null;
  for (const name of ["render-file", "record-speech"]) $(name).disabled = !ready;
  $("words").disabled = !state.say;
  if (editing) rig.resized();
}

async function prepare() {
  const job = await api.avatars.prepare(state.face.id);
  await followPrepare(job.id);
}

async function followPrepare(id) {
  const face = state.face.id;
  state.job = id;
  $("progress").hidden = false;
  $("wake").hidden = true;
  const job = await api.jobs.follow(id, (now) => {
    if (state.face?.id !== face) return;
    const share = now.total ? now.done / now.total : null;
    $("ring").classList.toggle("unsure", share === null || now.total === 1);
    $("ring").style.setProperty("--done", share === null ? 0 : Math.round(share * 100));
    $("ring").setAttribute("aria-valuenow", share === null ? 0 : Math.round(share * 100));
    $("progress-text").textContent = now.status === "queued" ? "Waiting its turn" : STAGES[now.stage] ?? now.stage;
  });
  await loadFaces();
  if (state.face?.id !== face) return;
  $("progress").hidden = true;
  state.face = await api.avatars.get(face);
  if (state.face.status === "needs_points") {
    toast("I found no face by myself. Put the points where they belong, then press “Use this”.");
    await openTab("rig");
  } else if (job.status === "failed") {
    toast(new api.Problem(job.problem).message);
  } else if (!$("panel-rig").hidden) {
    await openTab("talk");
  }
  drawGallery();
  showStage();
}

// ---- tabs

const TABS = ["talk", "rig", "render"];

async function openTab(name) {
  for (const tab of TABS) {
    $(`tab-${tab}`).setAttribute("aria-selected", String(tab === name));
    $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
    $(`panel-${tab}`).hidden = tab !== name;
  }
  history.replaceState(null, "", `#/face/${state.face.id}/${name}`);
  if (name === "rig") await openRig();
  if (name === "render") await loadLibrary();
  showStage();
}

async function loadLibrary() {
  const { speeches } = await library.load();
  state.speeches = speeches;
  const chosen = $("render-speech").value;
  $("render-speech").replaceChildren(...speeches.map(({ id, name, seconds }) => new Option(`${name} (${seconds.toFixed(1)} s)`, id)));
  if (speeches.some(({ id }) => id === chosen)) $("render-speech").value = chosen;
}

/** Opens the face that the address names. */
async function openAddress() {
  const [, id, tab] = location.hash.match(/^#\/face\/([0-9a-f]{32})(?:\/(\w+))?$/) ?? [];
  if (id && id !== state.face?.id && state.faces.some((face) => face.id === id)) await choose(id, tab);
}

async function openRig() {
  const found = await api.avatars.rig(state.face.id);
  $("rig").removeAttribute("hidden");
  rig.zoom($("zoom").checked && (found.mesh !== null || found.by_hand));
  rig.show(found, api.avatars.preview(state.face.id));
  rig.showMesh($("show-mesh").checked);
  $("face-choice").value = found.face;
  for (const choice of document.getElementsByName("mouth")) choice.checked = choice.value === found.mouth;
  showChanges();
  $("use-rig").disabled = state.face.status === "ready";
}

function showChanges() {
  $("use-rig").disabled = false;
  $("undo").disabled = $("reset").disabled = !rig.canUndo;
}

async function useRig(points) {
  const mouth = document.querySelector("input[name=mouth]:checked").value;
  closeLive();
  await api.avatars.setRig(state.face.id, { points, mouth, face: $("face-choice").value });
  await prepare();
}

// ---- live

async function goLive() {
  if (state.live) return state.live;
  state.opening ??= openLive().finally(() => { state.opening = null; });
  return state.opening;
}

async function openLive() {
  busy($("wake"), true);
  $("wake").querySelector("span").textContent = "Opening its eyes…";
  try {
    const elements = { video: $("video"), canvas: $("canvas") };
    const session = await LiveSession.open(state.face.id, elements, {
      state: showLive,
      problem: (error) => toast(error.message),
      ended: (problem) => {
        if (problem) toast(problem.message);
        closeLive();
      },
    });
    state.live = session;
    $("live-state").hidden = false;
    showStage();
    return session;
  } finally {
    busy($("wake"), false);
    $("wake").querySelector("span").textContent = "Wake up";
  }
}

let seen = { frames: 0, at: 0 };

function showLive(info) {
  const at = performance.now();
  const fps = ((info.frames - seen.frames) * 1000) / (at - seen.at);
  seen = { frames: info.frames, at };
  const shown = fps > 0 && fps < 1.2 * info.fps ? ` · ${Math.min(Math.round(fps), Math.round(info.fps))} fps` : "";
  $("live-state").textContent = `${info.speaking ? "Speaking" : "Listening"}${shown}`;
  $("live-state").classList.toggle("speaking", info.speaking);
  $("stop").disabled = !info.speaking;
}

function closeLive() {
  const { live } = state;
  state.live = null;
  if (state.recording?.of === live) stopRecording();
  live?.close();
  $("video").srcObject = null;
  $("live-state").hidden = true;
  $("stop").disabled = true;
  $("microphone").setAttribute("aria-pressed", "false");
  if (state.face) showStage();
}

/** Asks which other session may end. */
async function offerToClose() {
  const sessions = await api.live.list();
  $("sessions").replaceChildren(...sessions.map(({ id, avatar }) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Let “${state.faces.find((face) => face.id === avatar)?.name ?? "a face"}” sleep`;
    button.addEventListener("click", () => attempt(async () => {
      await api.live.close(id);
      $("sessions-dialog").close();
      await goLive();
    }));
    item.append(button);
    return item;
  }));
  $("sessions-dialog").showModal();
}

// ---- recording

async function toggleRecording() {
  if (state.recording) { await stopRecording(); return; }
  const recording = new Recording($("video").captureStream(), "video");
  state.recording = { of: state.live, recording };
  $("record").setAttribute("aria-pressed", "true");
}

async function stopRecording() {
  const { recording } = state.recording;
  state.recording = null;
  $("record").setAttribute("aria-pressed", "false");
  save(await recording.stop(state.face?.name ?? "masktalk"));
}

let voiceRecording = null;

async function toggleVoiceRecording() {
  if (voiceRecording) {
    const { recording, stream } = voiceRecording;
    voiceRecording = null;
    const file = await recording.stop("My voice");
    stream.getTracks().forEach((track) => track.stop());
    $("record-speech").textContent = "Record one";
    $("record-speech").setAttribute("aria-pressed", "false");
    await keepSpeech(await api.speech.upload(file));
    return;
  }
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  voiceRecording = { stream, recording: new Recording(stream, "audio") };
  $("record-speech").textContent = "Stop";
  $("record-speech").setAttribute("aria-pressed", "true");
}

async function keepSpeech(said) {
  await loadLibrary();
  $("render-speech").value = said.id;
  $("words").value = "";
  showStage();
}

async function talk(makeSpeech) {
  const [session, said] = await Promise.all([goLive(), makeSpeech()]);
  await keepSpeech(said);
  session.play(said.id);
}

async function toggleMicrophone() {
  const session = await goLive();
  const wanted = !session.hasMicrophone;
  await session.microphone(wanted);
  $("microphone").setAttribute("aria-pressed", String(wanted));
}

// ---- render

const OPTIONS = ["background", "container", "fps", "crf", "head_motion", "amplitude", "label"];
const NUMBERS = new Set(["fps", "crf", "amplitude"]);

/** The options that were chosen; what was left alone is left to the server. */
function options() {
  const chosen = {};
  for (const name of OPTIONS) {
    const { value } = $(`option-${name}`);
    if (value !== "") chosen[name] = NUMBERS.has(name) ? Number(value) : value;
  }
  return chosen;
}

async function makeVideo() {
  const words = $("words").value.trim();
  busy($("render"), true);
  try {
    const speech = words ? (await spoken(words)).id : $("render-speech").value;
    await followRender(await api.renders.create({ avatar: state.face.id, speech, ...options() }));
  } finally {
    busy($("render"), false);
    showStage();
  }
}

async function followRender(job) {
  state.render = job.id;
  $("render-progress").hidden = false;
  $("result").hidden = true;
  showStage();
  try {
    const ended = await api.jobs.follow(job.id, ({ done, total, status, stage }) => {
      $("render-bar").value = total ? done / total : 0;
      $("render-text").textContent = status === "queued" ? "Waiting its turn"
        : total ? `${Math.round((100 * done) / total)} %` : STAGES[stage] ?? stage;
    });
    if (ended.status === "failed") throw new api.Problem(ended.problem);
    await loadLibrary();
    if (ended.status === "done") showVideo(job.id);
  } finally {
    state.render = null;
    $("render-progress").hidden = true;
    showStage();
  }
}

function showVideo(id) {
  const url = api.renders.video(id);
  $("result").hidden = false;
  $("result-video").src = url;
  $("download").href = url;
  $("result").scrollIntoView({ behavior: "smooth", block: "nearest" });
}

// ---- wiring

function wire() {
  lookAround($("ninja"));
  on("choose", "click", () => $("source").click());
  on("add", "click", () => { closeLive(); state.face = null; history.replaceState(null, "", "#"); drawGallery(); showView("welcome"); $("choose").focus(); });
  on("source", "change", async () => { const [file] = $("source").files; $("source").value = ""; await upload(file); });
  on("wake", "click", goLive);
  on("say-form", "submit", async (event) => {
    event.preventDefault();
    const text = $("text").value.trim() || $("text").placeholder;
    busy($("say"), true);
    try { await talk(() => spoken(text)); } finally { busy($("say"), false); }
  });
  on("play-file", "click", () => { $("speech").dataset.then = "talk"; $("speech").click(); });
  on("render-file", "click", () => { $("speech").dataset.then = "render"; $("speech").click(); });
  on("speech", "change", async () => {
    const [file] = $("speech").files;
    $("speech").value = "";
    if (!file) return;
    if ($("speech").dataset.then === "render") await keepSpeech(await api.speech.upload(file));
    else await talk(() => api.speech.upload(file));
  });
  on("microphone", "click", toggleMicrophone);
  on("stop", "click", () => state.live?.interrupt());
  on("use-rig", "click", () => useRig(rig.moved || state.face.status === "needs_points" ? rig.points : null));
  on("find-again", "click", () => useRig(null));
  on("show-mesh", "change", () => rig.showMesh($("show-mesh").checked));
  on("zoom", "change", () => rig.zoom($("zoom").checked));
  on("mouth", "change", () => { $("use-rig").disabled = false; });
  on("render", "click", makeVideo);
  on("words", "input", showStage);
  on("undo", "click", () => { rig.undo(); showChanges(); });
  on("reset", "click", () => { rig.reset(); showChanges(); });
  on("face-choice", "change", showChanges);
  on("record", "click", toggleRecording);
  on("record-speech", "click", toggleVoiceRecording);
  on("prepare-cancel", "click", () => api.jobs.cancel(state.job));
  on("help", "click", () => $("help-dialog").showModal());
  for (const [field, button] of [["text", "say"], ["words", "render"]]) {
    on(field, "keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$(button).disabled) $(button).click();
    });
  }
  on("render-cancel", "click", () => api.jobs.cancel(state.render));
  on("face-name", "change", async () => {
    state.face = await api.avatars.rename(state.face.id, $("face-name").value || "untitled");
    await loadFaces();
  });
  on("delete", "click", async () => {
    if (!window.confirm(`Delete “${state.face.name}”? Its videos and points go with it.`)) return;
    closeLive();
    await api.avatars.remove(state.face.id);
    state.face = null;
    history.replaceState(null, "", "#");
    showView("welcome");
    await loadFaces();
  });
  wireTabs();
  wireDrop();
  new ResizeObserver(() => rig.resized()).observe($("screen"));
  window.addEventListener("pagehide", closeLive);
  window.addEventListener("hashchange", () => attempt(openAddress));
  let sleep;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(sleep);
    if (document.hidden && state.live) sleep = setTimeout(closeLive, HIDDEN);
  });
}

function wireTabs() {
  TABS.forEach((name, index) => {
    on(`tab-${name}`, "click", () => openTab(name));
    on(`tab-${name}`, "keydown", async ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: TABS.length - 1 }[key];
      if (!step) return;
      const next = TABS[(index + step) % TABS.length];
      await openTab(next);
      $(`tab-${next}`).focus();
    });
  });
}

function wireDrop() {
  window.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (!file) return;
    const isSpeech = file.type.startsWith("audio/") && state.face?.status === "ready";
    attempt(() => (isSpeech ? talk(() => api.speech.upload(file)) : upload(file)));
  });
}

async function start() {
  wire();
  const health = await api.health();
  state.say = health.say;
  $("version").textContent = health.version;
  if (!state.say) {
    $("text").placeholder = "Text needs espeak-ng, which is not installed here. A sound file or your voice will do.";
    $("text").disabled = true;
  } else {
    await loadVoices();
  }
  await Promise.all([loadSamples(), loadFaces()]);
  await openAddress();
}

attempt(start);
