// The server's HTTP interface, as functions. Every failure is an Error with words for people.

export class Problem extends Error {
  constructor(problem, status) {
    super([problem.message, problem.remedy].filter(Boolean).join(" — "));
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
    throw new Problem({ type: "Offline", message: "The server does not answer", remedy: "is it running?" }, 0);
  }
  if (response.status === 204) return null;
  const answer = await response.json();
  if (!response.ok) throw new Problem(answer.error, response.status);
  return answer;
}

const named = (path, name) => `${path}?name=${encodeURIComponent(name.slice(-200))}`;

export const health = () => call("GET", "/healthz");

export const avatars = {
  list: () => call("GET", "/api/avatars"),
  get: (id) => call("GET", `/api/avatars/${id}`),
  upload: (file) => call("POST", named("/api/avatars", file.name), { body: file }),
  rename: (id, name) => call("PATCH", `/api/avatars/${id}`, { json: { name } }),
  remove: (id) => call("DELETE", `/api/avatars/${id}`),
  prepare: (id) => call("POST", `/api/avatars/${id}/prepare`),
  preview: (id) => `/api/avatars/${id}/preview`,
  thumbnail: (id) => `/api/avatars/${id}/thumbnail`,
  rig: (id) => call("GET", `/api/avatars/${id}/rig`),
  setRig: (id, rig) => call("PUT", `/api/avatars/${id}/rig`, { json: rig }),
};

export const speech = {
  upload: (file) => call("POST", named("/api/speech", file.name), { body: file }),
  say: (text, voice) => call("POST", "/api/speech/say", { json: { text, voice } }),
};

export const renders = {
  create: (avatar, speech) => call("POST", "/api/renders", { json: { avatar, speech } }),
  video: (id) => `/api/renders/${id}/video`,
};

export const jobs = {
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
  open: (avatar) => call("POST", "/api/live", { json: { avatar } }),
  close: (id) => call("DELETE", `/api/live/${id}`),
  offer: (id, { sdp, type }) => call("POST", `/api/live/${id}/offer`, { json: { sdp, type } }),
  socket: (id) => new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live/${id}/socket`),
};
