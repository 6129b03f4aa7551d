// Videos and speeches that were made before: played, downloaded, used again, deleted.

import * as api from "./api.js";

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export class Library {
  #videos; #speeches; #handlers;

  /** Handlers: play(render), use(speech), attempt(action). */
  constructor(videos, speeches, handlers) {
    this.#videos = videos;
    this.#speeches = speeches;
    this.#handlers = handlers;
  }

  async load() {
    const [renders, speeches] = await Promise.all([api.renders.list(), api.speech.list()]);
    const finished = renders.filter(({ status }) => status === "done").reverse();
    this.#fill(this.#videos, finished, (one) => this.#video(one));
    this.#fill(this.#speeches, [...speeches].reverse(), (one) => this.#speech(one));
    return { renders: finished, speeches: [...speeches].reverse() };
  }

  #fill(list, things, draw) {
    list.replaceChildren(...things.map(draw));
    list.parentElement.hidden = things.length === 0;
  }

  #video(render) {
    const link = document.createElement("a");
    link.className = "icon";
    link.href = api.renders.video(render.id);
    link.download = "";
    link.setAttribute("aria-label", `Download ${render.title}`);
    link.textContent = "↓";
    return this.#row(render.title, when.format(new Date(render.created * 1000)), () => this.#handlers.play(render), link,
      `Delete the video “${render.title}”? The face and the speech stay.`, () => api.jobs.remove(render.id));
  }

  #speech(speech) {
    return this.#row(speech.name, `${speech.seconds.toFixed(1)} s`, () => this.#handlers.use(speech), null,
      `Delete the speech “${speech.name}”? Videos made with it stay.`, () => api.speech.remove(speech.id));
  }

  #row(title, detail, open, extra, question, remove) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "open";
    const name = document.createElement("span");
    name.textContent = title;
    const small = document.createElement("small");
    small.textContent = detail;
    button.append(name, small);
    button.addEventListener("click", () => this.#handlers.attempt(open));
    const bin = document.createElement("button");
    bin.type = "button";
    bin.className = "icon";
    bin.textContent = "×";
    bin.setAttribute("aria-label", `Delete ${title}`);
    bin.addEventListener("click", () => this.#handlers.attempt(async () => {
      if (!window.confirm(question)) return;
      await remove();
      await this.load();
    }));
    item.append(button, ...(extra ? [extra] : []), bin);
    return item;
  }
}
