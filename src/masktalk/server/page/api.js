// The server's HTTP interface, as functions. Every failure is an Error with words for people.

import { say } from "./words.js";

export class Problem extends Error {
  constructor(problem, status = 0) {
    super(say(problem, status));
    this.detail = problem.message;
    this.type = problem.type;
    this.status = status;
  }
}

async function call(method, path, { json, body, headers } = {}) {
  const request = { method, headers: { ...headers } };
  if (json !== undefined) {
    request.headers["content-type"] = "application/json";
    request.body = JSON.stringify(json);
  } else if (body !== undefined) {
    request.headers["content-type"] = "application/octet-stream";
    request.body = body;
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Problem({ type: "Offline", message: "" }, 0);
  }
  if (response.status === 204) return null;
  const answer = await response.json();
  if (!response.ok) throw new Problem(answer.error, response.status);
  return answer;
}

/** Sends a file; `onProgress` is told the share that is sent, `signal` aborts it. */
function send(path, file, { onProgress, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(total ? loaded / total : 0);
    request.onload = () => {
      if (request.status < 300) resolve(request.response);
      else reject(new Problem(request.response?.error ?? { type: "HttpError", message: "server: failed" }, request.status));
    };
    request.onerror = () => reject(new Problem({ type: "Offline", message: "" }, 0));
    request.onabort = () => reject(new DOMException("Cancelled", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

const named = (path, name) => `${path}?name=${encodeURIComponent(name.slice(-200))}`;

export const health = () => call("GET", "/healthz");

export const avatars = {
  list: () => call("GET", "/api/avatars"),
  get: (id) => call("GET", `/api/avatars/${id}`),
  upload: (file, how) => send(named("/api/avatars", file.name), file, how),
  rename: (id, name) => call("PATCH", `/api/avatars/${id}`, { json: { name } }),
  remove: (id) => call("DELETE", `/api/avatars/${id}`),
  prepare: (id) => call("POST", `/api/avatars/${id}/prepare`),
  preview: (id) => `/api/avatars/${id}/preview`,
  thumbnail: (id) => `/api/avatars/${id}/thumbnail`,
  rig: (id) => call("GET", `/api/avatars/${id}/rig`),
  setRig: (id, rig) => call("PUT", `/api/avatars/${id}/rig`, { json: rig }),
};

export const speech = {
  list: () => call("GET", "/api/speech"),
  upload: (file) => send(named("/api/speech", file.name), file),
  say: (wish) => call("POST", "/api/speech/say", { json: wish }),
  remove: (id) => call("DELETE", `/api/speech/${id}`),
};

export const voices = () => call("GET", "/api/voices");

export const samples = {
  list: () => call("GET", "/api/samples"),
  picture: (id) => `/api/samples/${id}/picture`,
  use: (id) => call("POST", `/api/samples/${id}`),
};

export const renders = {
  list: () => call("GET", "/api/renders"),
  create: (wish) => call("POST", "/api/renders", { json: wish }),
  video: (id) => `/api/renders/${id}/video`,
};

export const jobs = {
  remove: (id) => call("DELETE", `/api/jobs/${id}`),
  cancel: (id) => call("POST", `/api/jobs/${id}/cancel`),
  /** Resolves with the job when it has ended; tells `onStep` of every change before. */
  follow: (id, onStep) => new Promise((resolve, reject) => {
    const events = new EventSource(`/api/jobs/${id}/events`);
    events.onmessage = ({ data }) => {
      const job = JSON.parse(data);
      onStep(job);
      if (["done", "failed", "cancelled"].includes(job.status)) {
        events.close();
        resolve(job);
      }
    };
    events.onerror = () => {
      if (events.readyState === EventSource.CLOSED) {
        reject(new Problem({ type: "Offline", message: "Lost sight of the job" }, 0));
      }
    };
  }),
};

export const live = {
  list: () => call("GET", "/api/live"),
  open: (avatar) => call("POST", "/api/live", { json: { avatar } }),
  close: (id) => call("DELETE", `/api/live/${id}`),
  offer: (id, { sdp, type }) => call("POST", `/api/live/${id}/offer`, { json: { sdp, type } }),
  socket: (id) => new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live/${id}/socket`),
};
