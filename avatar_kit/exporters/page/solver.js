"use strict";
// Landmarks of a performer to rotations of a body. No page and no three.js in here.
// Rotations are unit quaternions [x, y, z, w]; the world is y up, a person at zero faces +z, in the T-pose.
const Solver = (() => {
  const RELIABLE = 0.5;  // least visibility of a point that is used
  const HOLD = 1;        // seconds that a part keeps its last pose when it is not seen
  const EASE = 0.8;      // time constant in seconds with which it then goes back to rest
  const SLOWEST = 0.25;  // time constant in seconds of a rotation that stands still
  const QUICKEN = 8;     // how much 1 / (time constant) grows for each radian a second
  const SPEED = 0.15;    // time constant in seconds with which speeds are smoothed
  const degrees = Math.PI / 180;

  // Largest angle of a joint from the T-pose, in degrees.
  const LIMITS = { elbow: 155, wrist: 85, knee: 155, ankle: 60, hip: 150, spine: 100, head: 90 };

  // ---- rotations ----------------------------------------------------------------------------
  const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const scaled = (a, s) => [a[0] * s, a[1] * s, a[2] * s];
  const unit = (a) => scaled(a, 1 / Math.hypot(...a)); // not finite for no direction: see `aim`
  const across = (a, line) => minus(a, scaled(line, dot(a, line)));

  const times = (p, q) => [
    p[3] * q[0] + p[0] * q[3] + p[1] * q[2] - p[2] * q[1],
    p[3] * q[1] - p[0] * q[2] + p[1] * q[3] + p[2] * q[0],
    p[3] * q[2] + p[0] * q[1] - p[1] * q[0] + p[2] * q[3],
    p[3] * q[3] - p[0] * q[0] - p[1] * q[1] - p[2] * q[2],
  ];
  const inverse = (q) => [-q[0], -q[1], -q[2], q[3]];
  const turned = (q, v) => times(times(q, [...v, 0]), inverse(q)).slice(0, 3);
  const about = (axis, angle) => [...scaled(axis, Math.sin(angle / 2)), Math.cos(angle / 2)];
  const near = (q) => (q[3] < 0 ? q.map((x) => -x) : q);
  const angleOf = (q) => 2 * Math.atan2(Math.hypot(q[0], q[1], q[2]), Math.abs(q[3]));

  // Axis times angle in radians, and back.
  function vector(q) {
    const [x, y, z] = near(q), sine = Math.hypot(x, y, z);
    return scaled([x, y, z], sine < 1e-9 ? 2 : angleOf(q) / sine);
  }

  function turnBy(v) {
    const angle = Math.hypot(...v);
    return angle < 1e-9 ? [0, 0, 0, 1] : about(scaled(v, 1 / angle), angle);
  }

  const power = (q, share) => turnBy(scaled(vector(q), share));

  const towards = (a, b, share) => times(a, power(times(inverse(a), b), share));
  const limited = (q, most) => power(q, Math.min(1, most / Math.max(angleOf(q), 1e-9)));
  const twist = (q, axis) => 2 * Math.atan2(dot(near(q), axis), near(q)[3]);

  // The shortest rotation of one direction into another.
  function swing(a, b) {
    const [p, q] = [unit(a), unit(b)], w = 1 + dot(p, q);
    if (w > 1e-6) return unit4([...cross(p, q), w]);
    return about(unit(cross(p, Math.abs(p[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0])), Math.PI);
  }

  const unit4 = (q) => { const size = Math.hypot(...q); return q.map((x) => x / size); };

  // The axes of a line and of what lies beside it, as a rotation.
  function axes(line, beside) {
    const x = unit(line), y = unit(across(beside, x)), z = cross(x, y);
    const trace = x[0] + y[1] + z[2];
    if (trace > 0) return unit4([y[2] - z[1], z[0] - x[2], x[1] - y[0], 1 + trace]);
    if (x[0] >= y[1] && x[0] >= z[2]) return unit4([1 + x[0] - y[1] - z[2], y[0] + x[1], z[0] + x[2], y[2] - z[1]]);
    if (y[1] >= z[2]) return unit4([y[0] + x[1], 1 + y[1] - x[0] - z[2], z[1] + y[2], z[0] - x[2]]);
    return unit4([z[0] + x[2], z[1] + y[2], 1 + z[2] - x[0] - y[1], x[1] - y[0]]);
  }

  const aligned = (line, beside, seenLine, seenBeside) => times(axes(seenLine, seenBeside), inverse(axes(line, beside)));

  // Left and right exchanged, as a mirror does. Points are {name: {at: [x, y, z], seen}}.
  const otherSide = (name) => name.replace(/^(left|right)_/, (_, side) => (side === "left" ? "right_" : "left_"));
  const mirrored = (points) => Object.fromEntries(Object.entries(points).map(
    ([name, { at, seen }]) => [otherSide(name), { at: [-at[0], at[1], at[2]], seen }]));
  const mirroredTurn = (q) => [q[0], -q[1], -q[2], q[3]];

  // Arms hang and fingers are a little bent, where nothing is seen of them.
  function restOf(name) {
    const side = name.startsWith("left") ? -1 : 1;
    if (/_shoulder$/.test(name)) return about([0, 0, 1], side * 70 * degrees);
    if (/_(index|middle|ring|pinky)\d$/.test(name)) return about([0, 0, 1], side * 14 * degrees);
    return [0, 0, 0, 1];
  }

  // ---- the solver ---------------------------------------------------------------------------
  // `body`: the facts of PageSkeleton.
  return Object.assign((body) => {
    const index = Object.fromEntries(body.joints.map((name, i) => [name, i]));
    const states = body.joints.map((name) => ({ rest: restOf(name), now: restOf(name), aim: restOf(name), age: Infinity, velocity: [0, 0, 0] }));
    let points = {};

    const seen = (...names) => names.every((name) => points[name]?.seen >= RELIABLE && points[name].at.every(Number.isFinite));
    const line = (a, b) => minus(points[b].at, points[a].at);
    const restLine = (a, b) => minus(body.points[b], body.points[a]);
    const between = (of, ...names) => middle(...names.map((name) => (of === points ? points[name].at : of[name])));

    function world(joint) {
      let turn = [0, 0, 0, 1];
      for (let i = index[joint]; i >= 0; i = body.parents[i]) turn = times(states[i].aim, turn);
      return turn;
    }

    function aim(joint, local) {
      if (local.every(Number.isFinite)) Object.assign(states[index[joint]], { aim: local, age: 0 });
    }

    // Aim a chain of joints, each by its share, so that the last is turned in the world as given.
    function aimWorld(joints, turn, limit = 180) {
      const above = body.joints[body.parents[index[joints[0]]]];
      const whole = limited(above ? times(inverse(world(above)), turn) : turn, limit * degrees);
      for (const joint of joints) aim(joint, power(whole, 1 / joints.length));
    }

    function trunk() {
      if (!seen("left_shoulder", "right_shoulder")) return;
      const hips = ["right_hip", "left_hip"], shoulders = ["right_shoulder", "left_shoulder"];
      const whole = seen(...hips), shoulderLine = line(...shoulders);
      const restUp = minus(between(body.points, ...shoulders), between(body.points, ...hips));
      const up = whole ? minus(between(points, ...shoulders), between(points, ...hips)) : [0, 1, 0];
      const hipLine = whole ? line(...hips) : [shoulderLine[0], 0, shoulderLine[2]];
      aimWorld(["pelvis"], aligned(restLine(...hips), whole ? restUp : up, hipLine, up));
      aimWorld(["spine1", "spine2", "spine3"], aligned(restLine(...shoulders), whole ? restUp : up, shoulderLine, up), LIMITS.spine);
    }

    function head(faceTurn) {
      const ears = ["right_ear", "left_ear"];
      let turn = faceTurn;
      if (!turn && seen("nose", ...ears)) {
        const rest = minus(body.points.nose, between(body.points, ...ears));
        turn = aligned(restLine(...ears), rest, line(...ears), minus(points.nose.at, between(points, ...ears)));
      }
      if (turn) aimWorld(["neck", "head"], turn, LIMITS.head);
    }

    // Upper arm and forearm, or thigh and shin. `ahead`: where the lower part bends to at rest.
    function limb(upper, lower, a, b, c, ahead) {
      if (!seen(a, b)) return;
      const above = world(body.joints[body.parents[index[upper]]]), way = unit(line(a, b));
      let turn = times(swing(turned(above, restLine(a, b)), way), above);
      if (!seen(b, c)) return aimWorld([upper], turn, LIMITS[upper.split("_")[1]]);
      const bent = across(unit(line(b, c)), way), sine = Math.hypot(...bent);
      const from = across(turned(turn, across(ahead, unit(restLine(a, b)))), way);
      const angle = Math.atan2(dot(way, cross(from, bent)), dot(from, bent));
      const sure = Math.min(1, Math.max(0, (sine - 0.1) / 0.25)); // a straight limb does not tell its twist
      turn = times(about(way, sure * angle), turn);
      aimWorld([upper], turn, LIMITS[upper.split("_")[1]]);
      turn = world(upper);
      aimWorld([lower], times(swing(turned(turn, restLine(b, c)), line(b, c)), turn), LIMITS[lower.split("_")[1]]);
    }

    function hand(side) {
      const [elbow, wrist, index1, pinky1] = ["elbow", "wrist", "index1", "pinky1"].map((name) => `${side}_${name}`);
      if (!seen(elbow, wrist, index1, pinky1)) return;
      const palm = (of, at) => minus(between(of, index1, pinky1), at);
      const turn = aligned(palm(body.points, body.points[wrist]), restLine(pinky1, index1), palm(points, points[wrist].at), line(pinky1, index1));
      const forearm = world(elbow), axis = unit(restLine(elbow, wrist));
      const half = Math.max(-45, Math.min(45, twist(times(inverse(forearm), turn), axis) / 2 / degrees)) * degrees;
      if (Number.isFinite(half)) aimWorld([elbow], times(forearm, about(axis, half))); // a forearm twists with the hand
      aimWorld([wrist], turn, LIMITS.wrist);
    }

    function foot(side) {
      const [heel, toe] = [`${side}_heel`, `${side}_big_toe`];
      if (!seen(heel, toe, `${side}_ankle`)) return;
      const shin = world(`${side}_knee`);
      aimWorld([`${side}_ankle`], times(swing(turned(shin, restLine(heel, toe)), line(heel, toe)), shin), LIMITS.ankle);
    }

    // Take the landmarks of a frame: points by name in metres, the head's rotation where a face
    // tells it, and the seconds since the frame before.
    function see(found, faceTurn, seconds) {
      const before = states.map((state) => state.aim);
      points = found;
      trunk();
      head(faceTurn);
      for (const side of ["left", "right"]) {
        limb(`${side}_shoulder`, `${side}_elbow`, `${side}_shoulder`, `${side}_elbow`, `${side}_wrist`, [0, 0, 1]);
        hand(side);
        limb(`${side}_hip`, `${side}_knee`, `${side}_hip`, `${side}_knee`, `${side}_ankle`, [0, 0, -1]);
        foot(side);
      }
      if (!(seconds > 0)) return;
      states.forEach((state, i) => {
        const velocity = scaled(vector(times(inverse(before[i]), state.aim)), 1 / seconds);
        const share = 1 - Math.exp(-seconds / SPEED);
        state.velocity = state.velocity.map((mean, k) => mean + share * (velocity[k] - mean));
      });
    }

    // Move on by some seconds: a One-Euro filter of each rotation.
    function step(seconds) {
      for (const state of states) {
        state.age += seconds;
        const gone = state.age > HOLD;
        const constant = gone ? EASE : 1 / (1 / SLOWEST + QUICKEN * Math.hypot(...state.velocity));
        if (gone) state.aim = state.rest;
        state.now = unit4(towards(state.now, state.aim, 1 - Math.exp(-seconds / constant)));
      }
    }

    // Rotations of the bones in the world.
    function bones() {
      const all = [];
      states.forEach(({ now }, i) => all.push(i ? times(all[body.parents[i]], now) : now));
      return body.bones.map(({ joint, shares, still }) => {
        let turn = joint < 0 ? [0, 0, 0, 1] : all[joint];
        for (const [of, whole, twisted, ...axis] of shares) {
          const { now } = states[of];
          turn = times(times(turn, power(now, whole)), about(axis, twisted * twist(now, axis)));
        }
        return times(turn, still);
      });
    }

    return { see, step, bones, joints: () => states.map(({ now }) => now), aims: () => states.map(({ aim: wanted }) => wanted) };
  }, { mirrored, mirroredTurn, axes, times, inverse });
})();
