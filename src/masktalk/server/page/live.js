// One live session: WebRTC where it passes, a WebSocket where it does not.

import * as api from "./api.js";
import { FragmentPlayer, canPlayFragments } from "./stream.js";

const PATIENCE = 6000;
const FRAME = 1, SOUND = 2, MP4 = 3;

export class LiveSession {
  #info; #socket; #connection = null; #microphone = null; #audio = null; #player = null; #elements; #ended = false; #playhead = 0; #handlers;

  /** Handlers: state(info), problem(text), ended(). */
  static async open(avatar, elements, handlers) {
    const session = new LiveSession();
    session.#handlers = handlers;
    session.#info = await api.live.open(avatar);
    session.#elements = elements;
    try {
      await session.#connectSocket(elements);
      await session.#connectMedia(elements.video).catch(() => session.#fallBack(elements));
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  /** The element that shows it. */
  get surface() {
    return this.#player || this.#connection ? this.#elements.video : this.#elements.canvas;
  }

  get id() {
    return this.#info.id;
  }

  play(speech) {
    this.#send({ type: "play", speech });
  }

  interrupt() {
    this.#send({ type: "interrupt" });
  }

  get hasMicrophone() {
    return this.#microphone !== null;
  }

  async microphone(on) {
    if (!on) {
      this.#microphone?.stop();
      this.#microphone = null;
      return;
    }
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    const [track] = stream.getAudioTracks();
    if (this.#connection) {
      const sender = this.#connection.getTransceivers().find((one) => one.mid !== null && one.receiver.track.kind === "audio").sender;
      await sender.replaceTrack(track);
      this.#microphone = { stop: () => { sender.replaceTrack(null); track.stop(); this.#send({ type: "flush" }); } };
    } else {
      this.#microphone = await this.#microphoneOverSocket(stream);
    }
  }

  close() {
    this.#microphone?.stop();
    this.#connection?.close();
    this.#audio?.close();
    this.#player?.close();
    this.#send({ type: "close" });
    this.#ended = true;
    this.#socket?.close();
  }

  #end(problem) {
    if (this.#ended) return;
    this.#ended = true;
    this.#handlers.ended(problem);
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #connectSocket(elements) {
    this.#socket = api.live.socket(this.#info.id);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) return this.#receive(data, elements.canvas);
      const message = JSON.parse(data);
      if (message.type === "state") this.#handlers.state(message);
      else if (message.type === "error") this.#handlers.problem(new api.Problem(message.error));
      else if (message.type === "ended") this.#end(message.problem && new api.Problem(message.problem));
      return undefined;
    };
    const lost = () => new api.Problem({ type: "Offline", message: "session: the connection was lost" });
    return new Promise((resolve, reject) => {
      this.#socket.onopen = resolve;
      this.#socket.onclose = () => { reject(lost()); this.#end(lost()); };
    });
  }

  async #connectMedia(video) {
    const connection = new RTCPeerConnection();
    const stream = new MediaStream();
    connection.addTransceiver("video", { direction: "recvonly" });
    connection.addTransceiver("audio", { direction: "sendrecv" });
    connection.ontrack = ({ track, receiver }) => {
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      stream.addTrack(track);
    };
    const connected = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("too slow")), PATIENCE);
      connection.onconnectionstatechange = () => {
        const state = connection.connectionState;
        if (state === "connected") { clearTimeout(timer); resolve(); }
        if (state === "failed") { clearTimeout(timer); reject(new Error(state)); }
      };
    });
    try {
      await connection.setLocalDescription();
      await gathered(connection);
      const answer = await api.live.offer(this.#info.id, connection.localDescription);
      await connection.setRemoteDescription(answer);
      await connected;
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection;
    video.srcObject = stream;
    video.hidden = false;
    await video.play();
  }

  #fallBack({ canvas, video }) {
    if (canPlayFragments()) {
      this.#player = new FragmentPlayer(video);
      this.#send({ type: "watch", format: "mp4" });
      return;
    }
    canvas.hidden = false;
    canvas.width = this.#info.width;
    canvas.height = this.#info.height;
    this.#audio = new AudioContext({ sampleRate: this.#info.audio_rate });
    this.#send({ type: "watch", fps: 15 });
  }

  async #receive(data, canvas) {
    const kind = new DataView(data).getUint8(0);
    const body = data.slice(9);
    if (kind === MP4) {
      this.#player?.add(body);
    } else if (kind === FRAME) {
      const picture = await createImageBitmap(new Blob([body], { type: "image/webp" }));
      canvas.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
    } else if (kind === SOUND) {
      this.#hear(new Int16Array(body));
    }
  }

  #hear(samples) {
    const buffer = this.#audio.createBuffer(1, samples.length, this.#info.audio_rate);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i += 1) channel[i] = samples[i] / 32768;
    const now = this.#audio.currentTime;
    if (this.#playhead < now) this.#playhead = now + 0.12;
    const source = this.#audio.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#audio.destination);
    source.start(this.#playhead);
    this.#playhead += buffer.duration;
  }

  async #microphoneOverSocket(stream) {
    const context = new AudioContext();
    await context.audioWorklet.addModule("microphone.js");
    const node = new AudioWorkletNode(context, "microphone");
    this.#send({ type: "format", encoding: "float32", rate: context.sampleRate });
    node.port.onmessage = ({ data }) => {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data);
    };
    context.createMediaStreamSource(stream).connect(node);
    return {
      stop: () => {
        stream.getTracks().forEach((track) => track.stop());
        context.close();
        this.#send({ type: "flush" });
      },
    };
  }
}

function gathered(connection) {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1500);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState === "complete") { clearTimeout(timer); resolve(); }
    });
  });
}
