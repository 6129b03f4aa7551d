// Records what is seen or said, in whatever the browser writes best.

const TYPES = ["video/mp4;codecs=avc1.42E01E,opus", "video/webm;codecs=vp8,opus", "video/webm", "audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

export class Recording {
  #recorder; #parts = []; #done;

  /** Begins at once; `kind` is "video" or "audio". */
  constructor(stream, kind) {
    const type = TYPES.find((one) => one.startsWith(kind) && MediaRecorder.isTypeSupported(one));
    this.#recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    this.#recorder.ondataavailable = ({ data }) => this.#parts.push(data);
    this.#done = new Promise((resolve) => { this.#recorder.onstop = resolve; });
    this.#recorder.start(1000);
  }

  /** Resolves with a File. */
  async stop(name) {
    this.#recorder.stop();
    await this.#done;
    const type = this.#recorder.mimeType;
    const suffix = /mp4/.test(type) ? (type.startsWith("audio") ? "m4a" : "mp4") : /ogg/.test(type) ? "ogg" : "webm";
    return new File(this.#parts, `${name}.${suffix}`, { type });
  }
}

export function save(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
