// The page: which face is chosen, which panel is open, and what the buttons do.

import * as api from "./api.js";
import { LiveSession } from "./live.js";
import { lookAround } from "./ninja.js";
import { RigEditor } from "./rig.js";

const $ = (id) => document.getElementById(id);
const STAGES = {
  starting: "Waking the workers", storing: "Taking it in", locating: "Looking for the face",
  "warming up": "Learning to speak", rendering: "Rendering",
};

const state = { faces: [], face: null, live: null, opening: null, speeches: [], render: null, say: true };
const rig = new RigEditor($("rig"), () => { $("use-rig").disabled = false; });

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
    toast(error.message);
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
  $("choose").textContent = "Having a look…";
  busy($("choose"), true);
  try {
    const face = await api.avatars.upload(file);
    await loadFaces();
    await choose(face.id);
    await prepare();
  } finally {
    $("choose").textContent = "Choose a picture or video";
    busy($("choose"), false);
  }
}

async function choose(id) {
  closeLive();
  state.face = await api.avatars.get(id);
  showView("work");
  $("preview").src = api.avatars.preview(id);
  $("preview").alt = `Preview of ${state.face.name}`;
  $("face-name").value = state.face.name;
  $("result").hidden = true;
  drawGallery();
  await openTab(state.face.status === "needs_points" ? "rig" : "talk");
  showStage();
  if (state.face.status === "preparing" && state.face.job) followPrepare(state.face.job);
}

function showStage() {
  const ready = state.face?.status === "ready";
  const editing = !$("panel-rig").hidden;
  $("rig").toggleAttribute("hidden", !editing);
  $("wake").hidden = !ready || editing || state.live !== null;
  $("preview").hidden = editing || state.live !== null;
  $("video").hidden = editing || !state.live || !$("video").srcObject;
  $("canvas").hidden = editing || !state.live || Boolean($("video").srcObject);
  $("screen").classList.toggle("is-live", state.live !== null && !editing);
  for (const name of ["say", "play-file", "microphone"]) $(name).disabled = !ready;
  $("say").disabled = !ready || !state.say;
  $("render").disabled = !ready || !state.speeches.length || state.render !== null;
  $("render-file").disabled = !ready;
  if (editing) rig.resized();
}

async function prepare() {
  const job = await api.avatars.prepare(state.face.id);
  await followPrepare(job.id);
}

async function followPrepare(id) {
  const face = state.face.id;
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
    toast("No face found by itself. Put the points where they belong, then press “Use this”.");
    await openTab("rig");
  } else if (job.status === "failed") {
    toast([job.problem.message, job.problem.remedy].filter(Boolean).join(" — "));
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
  if (name === "rig") await openRig();
  showStage();
}

async function openRig() {
  const found = await api.avatars.rig(state.face.id);
  $("rig").removeAttribute("hidden");
  rig.zoom($("zoom").checked && (found.mesh !== null || found.by_hand));
  rig.show(found, api.avatars.preview(state.face.id));
  rig.showMesh($("show-mesh").checked);
  for (const choice of document.getElementsByName("mouth")) choice.checked = choice.value === found.mouth;
  $("use-rig").disabled = state.face.status === "ready";
}

async function useRig(points) {
  const mouth = document.querySelector("input[name=mouth]:checked").value;
  closeLive();
  await api.avatars.setRig(state.face.id, { points, mouth });
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
      problem: toast,
      ended: () => { if (state.live === session) closeLive(); },
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
  live?.close();
  $("video").srcObject = null;
  $("live-state").hidden = true;
  $("stop").disabled = true;
  $("microphone").setAttribute("aria-pressed", "false");
  if (state.face) showStage();
}

function keepSpeech(said) {
  state.speeches.unshift(said);
  $("render-speech").replaceChildren(...state.speeches.map(({ id, name, seconds }) => {
    const option = document.createElement("option");
    option.value = id;
    option.textContent = `${name} (${seconds.toFixed(1)} s)`;
    return option;
  }));
  showStage();
}

async function talk(makeSpeech) {
  const [session, said] = await Promise.all([goLive(), makeSpeech()]);
  keepSpeech(said);
  session.play(said.id);
}

async function toggleMicrophone() {
  const session = await goLive();
  const wanted = !session.hasMicrophone;
  await session.microphone(wanted);
  $("microphone").setAttribute("aria-pressed", String(wanted));
}

// ---- render

async function makeVideo() {
  const job = await api.renders.create(state.face.id, $("render-speech").value);
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
    if (ended.status === "failed") throw new Error(ended.problem.message);
    if (ended.status === "done") showVideo(api.renders.video(job.id));
  } finally {
    state.render = null;
    $("render-progress").hidden = true;
    showStage();
  }
}

function showVideo(url) {
  $("result").hidden = false;
  $("result-video").src = url;
  $("download").href = url;
  $("result").scrollIntoView({ behavior: "smooth", block: "nearest" });
}

// ---- wiring

function wire() {
  lookAround($("ninja"));
  on("choose", "click", () => $("source").click());
  on("add", "click", () => { closeLive(); state.face = null; drawGallery(); showView("welcome"); $("choose").focus(); });
  on("source", "change", async () => { const [file] = $("source").files; $("source").value = ""; await upload(file); });
  on("wake", "click", goLive);
  on("say-form", "submit", async (event) => {
    event.preventDefault();
    const text = $("text").value.trim() || $("text").placeholder;
    busy($("say"), true);
    try { await talk(() => api.speech.say(text, $("voice").value)); } finally { busy($("say"), false); }
  });
  on("play-file", "click", () => { $("speech").dataset.then = "talk"; $("speech").click(); });
  on("render-file", "click", () => { $("speech").dataset.then = "render"; $("speech").click(); });
  on("speech", "change", async () => {
    const [file] = $("speech").files;
    $("speech").value = "";
    if (!file) return;
    if ($("speech").dataset.then === "render") keepSpeech(await api.speech.upload(file));
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
  on("render-cancel", "click", () => api.jobs.cancel(state.render));
  on("face-name", "change", async () => {
    state.face = await api.avatars.rename(state.face.id, $("face-name").value || "untitled");
    await loadFaces();
  });
  on("delete", "click", async () => {
    if (!window.confirm(`Delete “${state.face.name}”?`)) return;
    closeLive();
    await api.avatars.remove(state.face.id);
    state.face = null;
    showView("welcome");
    await loadFaces();
  });
  wireTabs();
  wireDrop();
  new ResizeObserver(() => rig.resized()).observe($("screen"));
  window.addEventListener("pagehide", closeLive);
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
  if (!state.say) {
    $("text").placeholder = "Text needs espeak-ng, which is not installed here. A sound file or your voice will do.";
    $("text").disabled = true;
  }
  await loadFaces();
}

attempt(start);
