"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const about = JSON.parse($("about").textContent);
  const fail = (text) => { $("failure").textContent = text; $("failure").hidden = false; };
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  let renderer;
  try {
    renderer = new THREE.WebGLRenderer({ canvas: $("view"), antialias: true });
  } catch {
    return fail("This page needs WebGL 2, which this browser does not give. Try another browser, or allow hardware acceleration.");
  }
  renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
  const scene = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(30, 1, 0.05, 100);
  const controls = new THREE.OrbitControls(camera, renderer.domElement);
  controls.enableDamping = !calm;
  controls.minDistance = 0.3;
  controls.maxDistance = 20;

  function decoded(id) {
    const text = atob($(id).textContent.trim());
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    $(id).remove();
    return bytes.buffer;
  }

  new THREE.GLTFLoader().parse(decoded("avatar"), "", start, (error) => fail(`The avatar in this page cannot be read: ${error.message ?? error}`));

  function start({ scene: person, animations }) {
    let mesh;
    person.traverse((node) => { if (node.isSkinnedMesh) mesh = node; });
    mesh.frustumCulled = false;
    scene.add(person);
    const root = mesh.skeleton.bones[0];
    const mixer = new THREE.AnimationMixer(person);
    const added = new Float32Array(mesh.morphTargetInfluences.length);
    const shown = new Float32Array(added.length);
    const state = { playing: !calm, driving: false, action: null, before: new THREE.Vector3() };
    let chosen = 0;
    const place = new THREE.Vector3();
    const box = new THREE.Box3();
    let floor;

    const splats = about.gaussians && Splats(new Float32Array(decoded("gaussians")), about.gaussians, mesh);
    if (splats) {
      scene.add(splats.object);
      $("drawn").hidden = false;
    }
    function drawAs(what) {
      mesh.visible = what === "mesh";
      if (splats) splats.object.visible = !mesh.visible;
    }
    drawAs(splats ? "gaussians" : "mesh");
    $("drawn").addEventListener("change", (event) => drawAs(event.target.value));

    // ---- motion -------------------------------------------------------------------------------
    function choose(index) {
      mixer.stopAllAction();
      shown.fill(0);
      const clip = animations[index];
      state.action = null;
      if (clip) {
        state.action = mixer.clipAction(clip);
        state.action.setLoop(about.motions[index].back ? THREE.LoopPingPong : THREE.LoopRepeat, Infinity);
        state.action.play();
      }
      advance(0);
      state.before.setFromMatrixPosition(root.matrixWorld);
      home();
      ground(box.min.y);
    }

    function advance(seconds) {
      // the mixer writes what has changed, so it must find what it wrote
      shown.forEach((value, i) => { mesh.morphTargetInfluences[i] = value; });
      mixer.update(seconds);
      mesh.morphTargetInfluences.forEach((value, i) => { shown[i] = value; });
      express();
      person.updateMatrixWorld(true);
    }

    function express() {
      for (let i = 0; i < added.length; i++) mesh.morphTargetInfluences[i] = Math.min(1, shown[i] + added[i]);
    }

    // ---- camera -------------------------------------------------------------------------------
    const bones = Bones(person, mesh.skeleton.bones);
    function say(text) {
      $("said").textContent = text;
      if (text && webcam) $("said").scrollIntoView({ block: "nearest" });
    }
    const obstacle = about.skeleton ? Webcam.obstacle() : "The camera cannot drive this body: see About.";
    const webcam = obstacle ? null : Webcam(about.skeleton, $("camera"), say, () => endDriving("The camera was disconnected."));

    async function drive(on) {
      if (!on) return endDriving("");
      $("drive").disabled = true;
      try {
        await webcam.start();
      } catch (error) {
        return endDriving(error.told ? error.message : `The camera cannot drive the avatar: ${error.message}`);
      } finally {
        $("drive").disabled = false;
      }
      choose(about.motions.length); // on its spot, at rest
      show(true);
      say("Stand so that the camera sees you, from head to foot if it can. Pictures never leave your browser.");
    }

    function show(driving) {
      state.driving = driving;
      $("play").disabled = driving;
      $("camera").hidden = $("figures").hidden = !driving;
      $("drive").setAttribute("aria-pressed", String(driving));
      $("drive").textContent = driving ? "Release the camera" : "Drive with your camera";
    }

    function endDriving(text) {
      webcam.stop();
      if (state.driving) {
        bones.rest();
        show(false);
        choose(chosen);
      }
      say(text);
    }

    function driven(now, seconds) {
      let shot;
      try {
        shot = webcam.step(now, seconds, $("mirror").checked);
      } catch (error) {
        return endDriving(`The tracker has failed: ${error.message}`);
      }
      bones.turn(shot.bones);
      for (const [name, i] of Object.entries(mesh.morphTargetDictionary)) shown[i] = shot.weight(name);
      express();
      person.updateMatrixWorld(true);
      $("figures").textContent = shot.figures;
    }

    function home() {
      mesh.computeBoundingBox();
      box.copy(mesh.boundingBox);
      const size = box.getSize(place);
      look(size.x, size.y, box.getCenter(new THREE.Vector3()));
    }

    function look(width, height, target) {
      const reach = 0.62 * Math.max(height, width / (camera.aspect || 1));
      controls.target.copy(target);
      camera.position.copy(target);
      camera.position.z += reach / Math.tan((camera.fov * Math.PI) / 360);
      controls.update();
    }

    // what the jaw moves, from in front
    function face() {
      const moved = mesh.geometry.morphAttributes.position[mesh.morphTargetDictionary.jawOpen];
      const middle = new THREE.Vector3(), point = new THREE.Vector3();
      let count = 0;
      for (let i = 0; i < moved.count; i++) {
        if (Math.hypot(moved.getX(i), moved.getY(i), moved.getZ(i)) < 1e-3) continue;
        middle.add(mesh.getVertexPosition(i, point));
        count += 1;
      }
      look(0.2, 0.3, middle.divideScalar(count || 1).add(new THREE.Vector3(0, 0.05, 0)));
    }

    function follow() {
      place.setFromMatrixPosition(root.matrixWorld);
      if ($("follow").checked) {
        const dx = place.x - state.before.x, dz = place.z - state.before.z;
        for (const point of [controls.target, camera.position]) { point.x += dx; point.z += dz; }
      }
      state.before.copy(place);
    }

    // ---- look ---------------------------------------------------------------------------------
    function ground(height = floor ? floor.position.y : 0) {
      if (floor) { scene.remove(floor); floor.geometry.dispose(); floor.material.dispose(); }
      const colour = new THREE.Color($("background").value);
      const light = 0.2126 * colour.r + 0.7152 * colour.g + 0.0722 * colour.b > 0.18;
      const line = colour.clone().lerp(new THREE.Color(light ? 0x000000 : 0xffffff), light ? 0.25 : 0.08);
      floor = new THREE.GridHelper(8, 16, line, line);
      floor.position.y = height;
      floor.visible = $("floor").checked;
      scene.add(floor);
      scene.background = colour;
    }

    function theme(dark) {
      document.documentElement.dataset.theme = dark ? "dark" : "light";
      $("theme").setAttribute("aria-pressed", String(dark));
      $("background").value = getComputedStyle(document.documentElement).getPropertyValue("--ground").trim();
      ground();
    }

    function resize() {
      const { clientWidth: width, clientHeight: height } = $("view").parentElement;
      if (!width || !height) return;
      renderer.setSize(width, height, false);
      camera.aspect = width / height;
      camera.updateProjectionMatrix();
    }

    // ---- controls -----------------------------------------------------------------------------
    [...about.motions, { title: "at rest" }].forEach(({ title }, index) => {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), { type: "radio", name: "motion", checked: index === 0 });
      input.addEventListener("change", () => {
        chosen = index;
        if (state.driving) endDriving("");
        else choose(index);
      });
      label.append(input, title);
      $("motions").append(label);
    });

    const regions = { brow: "Brows", eye: "Eyes", cheek: "Cheeks and nose", nose: "Cheeks and nose", jaw: "Jaw", mouth: "Mouth", tongue: "Mouth" };
    const groups = new Map();
    Object.entries(mesh.morphTargetDictionary).forEach(([name, index]) => {
      const region = regions[/^[a-z]+/.exec(name)[0]] ?? "Others";
      if (!groups.has(region)) {
        const group = document.createElement("details");
        group.append(Object.assign(document.createElement("summary"), { textContent: region }));
        groups.set(region, group);
        $("expressions").append(group);
      }
      const label = Object.assign(document.createElement("label"), { className: "slider" });
      const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1, step: 0.01, value: 0 });
      const output = Object.assign(document.createElement("output"), { textContent: "0" });
      input.dataset.expression = name;
      input.addEventListener("input", () => { added[index] = Number(input.value); output.textContent = input.value; });
      label.append(name.replace(/([A-Z])/g, " $1").toLowerCase(), input, output);
      groups.get(region).append(label);
    });
    $("neutral").addEventListener("click", () => {
      for (const input of $("expressions").querySelectorAll("input")) { input.value = 0; input.dispatchEvent(new Event("input")); }
    });

    function play(on) { state.playing = on; $("play").textContent = on ? "Pause" : "Play"; }
    $("play").addEventListener("click", () => play(!state.playing));
    $("home").addEventListener("click", home);
    $("face").addEventListener("click", face);
    $("speed").addEventListener("input", (event) => { event.target.nextElementSibling.textContent = event.target.value; });
    $("theme").addEventListener("click", () => theme($("theme").getAttribute("aria-pressed") !== "true"));
    $("background").addEventListener("input", () => ground());
    $("floor").addEventListener("change", () => { floor.visible = $("floor").checked; });
    $("view").addEventListener("keydown", (event) => {
      const turn = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      const zoom = { "+": 0.9, "=": 0.9, "-": 1 / 0.9 }[event.key];
      if (!turn && !zoom && event.key !== " ") return;
      event.preventDefault();
      if (event.key === " ") return state.driving || play(!state.playing);
      const offset = camera.position.clone().sub(controls.target);
      if (zoom) offset.multiplyScalar(zoom);
      if (turn) {
        const radius = offset.length();
        const around = Math.atan2(offset.x, offset.z) + turn[0];
        const down = Math.min(3.0, Math.max(0.14, Math.acos(offset.y / radius) + turn[1]));
        offset.set(Math.sin(down) * Math.sin(around), Math.cos(down), Math.sin(down) * Math.cos(around)).multiplyScalar(radius);
      }
      camera.position.copy(controls.target).add(offset);
    });
    for (const note of about.notes) $("notes").append(Object.assign(document.createElement("li"), { textContent: note }));

    $("driving").hidden = Boolean(obstacle);
    say(obstacle);
    $("drive").addEventListener("click", () => drive(!state.driving));
    const flip = () => $("camera").classList.toggle("mirrored", $("mirror").checked);
    $("mirror").addEventListener("change", flip);
    flip();

    // ---- begin --------------------------------------------------------------------------------
    new ResizeObserver(resize).observe($("view").parentElement);
    resize();
    theme(matchMedia("(prefers-color-scheme: dark)").matches);
    choose(0);
    play(state.playing);
    let last = null;
    renderer.setAnimationLoop((now) => {
      const seconds = last === null ? 0 : Math.min(0.1, (now - last) / 1000);
      last = now;
      if (state.driving) driven(now, seconds);
      else advance(state.playing ? seconds * Number($("speed").value) : 0);
      follow();
      controls.update();
      if (splats?.object.visible) splats.update(camera, renderer.domElement.width, renderer.domElement.height);
      renderer.render(scene, camera);
    });
    document.documentElement.dataset.ready = "true";
  }
})();
