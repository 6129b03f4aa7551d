// Plays fragments of MP4 as they come, close to their newest end.

const TYPE = 'video/mp4; codecs="avc1.42c01f,opus"';
const LATENCY = 0.2, TOO_LATE = 1, KEPT = 8;

export const canPlayFragments = () => globalThis.MediaSource?.isTypeSupported(TYPE) ?? false;

export class FragmentPlayer {
  #video; #source = new MediaSource(); #buffer = null; #waiting = []; #url;

  constructor(video) {
    this.#video = video;
    this.#url = URL.createObjectURL(this.#source);
    video.srcObject = null;
    video.src = this.#url;
    this.#source.addEventListener("sourceopen", () => {
      if (this.#buffer || this.#source.readyState !== "open") return;
      this.#buffer = this.#source.addSourceBuffer(TYPE);
      this.#buffer.addEventListener("updateend", () => this.#updated());
      this.#append();
    });
    video.play().catch(() => {});
  }

  add(fragment) {
    this.#waiting.push(fragment);
    this.#append();
  }

  close() {
    URL.revokeObjectURL(this.#url);
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #append() {
    if (!this.#buffer || this.#buffer.updating || !this.#waiting.length || this.#source.readyState !== "open") return;
    const size = this.#waiting.reduce((sum, one) => sum + one.byteLength, 0);
    const joined = new Uint8Array(size);
    let at = 0;
    for (const one of this.#waiting) { joined.set(new Uint8Array(one), at); at += one.byteLength; }
    this.#waiting = [];
    this.#buffer.appendBuffer(joined);
  }

  #updated() {
    const { buffered, currentTime } = this.#video;
    if (buffered.length) {
      const newest = buffered.length - 1;
      const start = buffered.start(newest), end = buffered.end(newest);
      if (currentTime < start || end - currentTime > TOO_LATE) this.#video.currentTime = Math.max(start, end - LATENCY);
      if (currentTime - buffered.start(0) > KEPT * 2 && !this.#buffer.updating) {
        this.#buffer.remove(0, currentTime - KEPT);
        return;
      }
    }
    this.#append();
  }
}
