// Passes the microphone on in blocks of 20 ms or so.

class Microphone extends AudioWorkletProcessor {
  #block = [];

  process([input]) {
    if (input[0]) this.#block.push(input[0].slice());
    if (this.#block.length === 8) {
      const samples = new Float32Array(8 * 128);
      this.#block.forEach((part, index) => samples.set(part, index * 128));
      this.port.postMessage(samples.buffer, [samples.buffer]);
      this.#block = [];
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
