"use strict";
// The bones of three.js, turned in the world by quaternions xyzw. The root stays on its spot, at the
// height at which the lowest bone is where it is at rest.
const Bones = (person, bones) => {
  const above = bones.map((bone) => bones.indexOf(bone.parent));
  const first = bones.map((bone) => ({ turn: bone.quaternion.clone(), place: bone.position.clone() }));
  const lowest = () => {
    person.updateMatrixWorld(true);
    return bones.reduce((least, bone) => Math.min(least, bone.matrixWorld.elements[13]), Infinity);
  };
  const standing = lowest();

  function turn(turns) {
    bones.forEach((bone, i) => {
      bone.quaternion.set(...(above[i] < 0 ? turns[i] : Solver.times(Solver.inverse(turns[above[i]]), turns[i])));
    });
    bones[0].position.y += standing - lowest();
  }

  function rest() {
    bones.forEach((bone, i) => {
      bone.quaternion.copy(first[i].turn);
      bone.position.copy(first[i].place);
    });
  }

  return { turn, rest };
};

// A camera and MediaPipe's landmarks of a person, for the solver. Nothing is asked for before `start`.
const Webcam = (() => {
  // Releases from 1.0 on send figures of their use to Google; this one sends nothing.
  const CDN = "https://cdn.jsdelivr.net/npm/@mediapipe/tasks-vision@0.10.35";
  const MODELS = "https://storage.googleapis.com/mediapipe-models";
  const PUBLIC = {
    code: `${CDN}/vision_bundle.mjs`,
    wasm: `${CDN}/wasm`,
    pose: `${MODELS}/pose_landmarker/pose_landmarker_full/float16/1/pose_landmarker_full.task`,
    face: `${MODELS}/face_landmarker/face_landmarker/float16/1/face_landmarker.task`,
    words: "the network (about 25 MB): code from cdn.jsdelivr.net, models from storage.googleapis.com",
  };
  const beside = (name) => new URL(`tracker/${name}`, location.href).href;
  const OWN = {
    code: beside("vision_bundle.mjs"),
    wasm: beside("wasm"),
    pose: beside("pose_landmarker.task"),
    face: beside("face_landmarker.task"),
    words: "the folder tracker/ beside this page",
  };
  const FACE_LAG = 0.06; // time constant in seconds of expressions
  const FACE_GONE = 1;   // seconds without a face after which it goes back to neutral

  const HEAD = 256;      // side in pixels of the picture that the face is looked for in

  // MediaPipe's pose landmarks by the names of the solver's points.
  const NAMES = { 0: "nose" };
  for (const [left, name] of [[7, "ear"], [11, "shoulder"], [13, "elbow"], [15, "wrist"], [17, "pinky1"], [19, "index1"],
    [23, "hip"], [25, "knee"], [27, "ankle"], [29, "heel"], [31, "big_toe"]]) {
    NAMES[left] = `left_${name}`;
    NAMES[left + 1] = `right_${name}`;
  }

  const CAMERA_PROBLEMS = {
    NotAllowedError: "The browser refused the camera. Allow it in the address bar, then press again.",
    NotFoundError: "No camera was found. Connect one, then press again.",
    NotReadableError: "The camera is in use by another program. Close that, then press again.",
  };

  // Why no camera can drive the page here; empty where one can.
  function obstacle() {
    const name = location.pathname.split("/").pop();
    if (location.protocol === "file:") {
      return `To drive the avatar with your camera, serve this folder: python -m http.server --bind 127.0.0.1, then open http://127.0.0.1:8000/${name}`;
    }
    if (!isSecureContext || !navigator.mediaDevices) return "To drive the avatar with your camera, open this page by https or on localhost.";
    return "";
  }

  const problem = (text, cause) => Object.assign(new Error(text), { cause, told: true });
  const named = (url) => (url.startsWith(location.origin) ? decodeURI(new URL(url).pathname) : url);

  async function bytes(url) {
    const answer = await fetch(url).catch((error) => { throw problem(`${named(url)} cannot be reached: ${error.message}`); });
    if (!answer.ok) throw problem(`${named(url)} cannot be loaded (${answer.status} ${answer.statusText}).`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  async function loaded(from) {
    const vision = await import(from.code).catch((error) => { throw problem(`${named(from.code)} cannot be loaded: ${error.message}`); });
    const models = { pose: await bytes(from.pose), face: await bytes(from.face) };
    const files = await vision.FilesetResolver.forVisionTasks(from.wasm);
    const made = async (Task, modelAssetBuffer, options) => {
      try {
        return await Task.createFromOptions(files, { baseOptions: { modelAssetBuffer, delegate: delegate() }, runningMode: "VIDEO", ...options });
      } catch (error) { // a script that did not load is an event without a message
        throw problem(`The tracker does not start from ${named(from.wasm)}: ${error.message ?? "a file is missing, or WebAssembly is refused"}`);
      }
    };
    const pose = await made(vision.PoseLandmarker, models.pose, { numPoses: 1 });
    const face = await made(vision.FaceLandmarker, models.face, { numFaces: 1, outputFaceBlendshapes: true, outputFacialTransformationMatrixes: true });
    return { pose, face };
  }

  // MediaPipe runs on the graphics card where there is one.
  function delegate() {
    const gl = document.createElement("canvas").getContext("webgl2");
    const info = gl?.getExtension("WEBGL_debug_renderer_info");
    const card = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
    gl?.getExtension("WEBGL_lose_context")?.loseContext();
    return !gl || /swiftshader|llvmpipe|software/i.test(card) ? "CPU" : "GPU";
  }

  // Points in the world of the avatar (y up, towards the camera +z), those outside the picture not seen.
  function pointsOf({ landmarks: [flat], worldLandmarks: [space] }) {
    if (!flat) return null;
    const inside = ({ x, y }) => x >= 0 && x <= 1 && y >= 0 && y <= 1;
    return Object.fromEntries(Object.entries(NAMES).map(([i, name]) => [
      name, { at: [space[i].x, -space[i].y, -space[i].z], seen: inside(flat[i]) ? flat[i].visibility : 0 }]));
  }

  // The square around the head of somebody: the face model finds no face that is small in its picture.
  function headIn(video, [flat], canvas) {
    if (!flat) return video;
    const [width, height] = [video.videoWidth, video.videoHeight];
    const [nose, left, right] = [0, 11, 12].map((i) => [flat[i].x * width, flat[i].y * height]);
    const away = Math.hypot(nose[0] - (left[0] + right[0]) / 2, nose[1] - (left[1] + right[1]) / 2);
    const side = Math.max(1.6 * away, 1.1 * Math.hypot(left[0] - right[0], left[1] - right[1]));
    canvas.width = canvas.height = HEAD; // empties it, too
    canvas.getContext("2d").drawImage(video, nose[0] - side / 2, nose[1] - side / 2, side, side, 0, 0, HEAD, HEAD);
    return canvas;
  }

  const otherSide = (name) => name.replace(/(Left|Right)$/, (side) => (side === "Left" ? "Right" : "Left"));

  const mean = (before, value) => (before ? before + 0.1 * (value - before) : value);

  // `body`: the facts of PageSkeleton; `video`: shows the camera; `say(text)`: one line to the person;
  // `lost()`: the camera is gone.
  return Object.assign((body, video, say, lost) => {
    const solver = Solver(body), face = {}, head = document.createElement("canvas");
    let tracker, stream, seenAt, shownAt, faceAge, periods; // periods: means in milliseconds

    async function start() {
      let from = OWN;
      if (!tracker) {
        const own = await fetch(OWN.code, { method: "HEAD" }).catch(() => null);
        from = own?.ok ? OWN : PUBLIC;
        say(`Loads MediaPipe (@mediapipe/tasks-vision, Apache-2.0) and Google's models of pose and face from ${from.words}. Pictures never leave your browser.`);
      }
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" }, audio: false });
      } catch (error) {
        throw problem(CAMERA_PROBLEMS[error.name] ?? `The camera does not start: ${error.message}`, error);
      }
      try {
        tracker = tracker ?? await loaded(from);
        video.srcObject = stream;
        await video.play();
      } catch (error) {
        stop();
        throw error.told ? error : problem(`The tracker does not start: ${error.message ?? error}`, error);
      }
      stream.getVideoTracks()[0].addEventListener("ended", lost);
      [seenAt, shownAt, faceAge, periods] = [-1, null, Infinity, { tracker: 0, pose: 0, frame: 0 }];
    }

    // Release the camera.
    function stop() {
      stream?.getTracks().forEach((track) => track.stop());
      [stream, video.srcObject] = [null, null];
    }

    function takeFace({ faceBlendshapes: [shapes], facialTransformationMatrixes: [matrix] }, mirror) {
      if (!shapes) return null;
      faceAge = 0;
      for (const { categoryName: name, score } of shapes.categories) {
        if (name === "_neutral") continue;
        const shown = mirror ? otherSide(name) : name;
        face[shown] = { now: face[shown]?.now ?? 0, aim: score };
      }
      const { data } = matrix; // column by column
      const turn = Solver.axes([...data.slice(0, 3)], [...data.slice(4, 7)]);
      return mirror ? Solver.mirroredTurn(turn) : turn;
    }

    // The newest picture of the camera, if there is one.
    function track(now, mirror) {
      if (!stream || video.readyState < 2 || video.currentTime === seenAt) return;
      const seconds = seenAt < 0 ? 0 : Math.max(0, video.currentTime - seenAt), began = performance.now();
      seenAt = video.currentTime;
      const pose = tracker.pose.detectForVideo(video, now);
      const turn = takeFace(tracker.face.detectForVideo(headIn(video, pose.landmarks, head), now), mirror);
      const points = pointsOf(pose);
      if (points) solver.see(mirror ? Solver.mirrored(points) : points, turn, seconds);
      periods.tracker = mean(periods.tracker, performance.now() - began);
      if (seconds) periods.pose = mean(periods.pose, 1000 * seconds);
      const expressions = Object.fromEntries(Object.entries(face).map(([name, { aim }]) => [name, aim]));
      document.dispatchEvent(new CustomEvent("pose", { detail: { time: seenAt, seen: Boolean(points), joints: solver.aims(), expressions } }));
    }

    function figures() {
      const rate = (period) => (period ? (1000 / period).toFixed(period < 100 ? 0 : 1) : "0");
      return `tracker ${periods.tracker.toFixed(0)} ms, ${rate(periods.pose)} poses/s, ${rate(periods.frame)} frames/s`;
    }

    // One frame of the page: rotations of the bones in the world, weights of expressions by name.
    function step(now, seconds, mirror) {
      track(now, mirror);
      solver.step(seconds);
      faceAge += seconds;
      for (const channel of Object.values(face)) {
        if (faceAge > FACE_GONE) channel.aim = 0;
        channel.now += (1 - Math.exp(-seconds / FACE_LAG)) * (channel.aim - channel.now);
      }
      if (shownAt !== null) periods.frame = mean(periods.frame, now - shownAt);
      shownAt = now;
      return { bones: solver.bones(), weight: (name) => face[name]?.now ?? 0, figures: figures() };
    }

    return { start, stop, step };
  }, { obstacle });
})();
